# SPDX-License-Identifier: MIT
# Installs the headers and a package, so that find_package(diffusion) gives the same targets as add_subdirectory.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/diffusion)

foreach(name IN ITEMS diffusion eigen xtensor)
  if(name STREQUAL diffusion)
    set(target diffusion)
  else()
    set(target diffusion_${name})
  endif()
  if(TARGET ${target})
    install(TARGETS ${target} EXPORT diffusion-${name}-targets FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    install(EXPORT diffusion-${name}-targets NAMESPACE diffusion:: DESTINATION ${package_dir})
  else()
    # The header needs nothing but its array library, which the user may add later.
    install(FILES include/diffusion/${name}.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/diffusion)
  endif()
endforeach()

# What a header includes once for each width of registers, and is no header by itself.
install(DIRECTORY include/diffusion DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.inl")

configure_package_config_file(cmake/diffusion-config.cmake.in diffusion-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(diffusion-config-version.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/diffusion-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/diffusion-config-version.cmake
        DESTINATION ${package_dir})
