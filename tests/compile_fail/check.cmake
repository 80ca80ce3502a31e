# SPDX-License-Identifier: MIT
# cmake -DCOMPILER=... -DFLAGS=... -DSOURCE=... -P check.cmake
# The source must compile; with SHOULD_FAIL it must not, and the diagnostic must name the concept that the source
# expects and fit on one screen of 40 lines.
separate_arguments(FLAGS UNIX_COMMAND "${FLAGS}")
execute_process(COMMAND ${COMPILER} ${FLAGS} -fsyntax-only ${SOURCE} RESULT_VARIABLE twin ERROR_VARIABLE twin_text)
if(NOT twin EQUAL 0)
  message(FATAL_ERROR "the passing twin does not compile:\n${twin_text}")
endif()

execute_process(COMMAND ${COMPILER} ${FLAGS} -DSHOULD_FAIL -fsyntax-only ${SOURCE} RESULT_VARIABLE code
                ERROR_VARIABLE text)
if(code EQUAL 0)
  message(FATAL_ERROR "compiled, although it should not")
endif()

file(STRINGS ${SOURCE} expected REGEX "// expects: ")
string(REGEX REPLACE "// expects: " "" expected "${expected}")
if(NOT text MATCHES "[^A-Za-z]${expected}[^A-Za-z]")
  message(FATAL_ERROR "the diagnostic does not name ${expected}:\n${text}")
endif()
string(REGEX MATCHALL "\n" newlines "${text}")
list(LENGTH newlines lines)
if(lines GREATER 40)
  message(FATAL_ERROR "the diagnostic has ${lines} lines:\n${text}")
endif()
