// SPDX-License-Identifier: MIT
// A count of the allocations of a test program: it replaces operator new. To be included by one source of a program.
#pragma once

#include <atomic>
#include <cstdlib>
#include <new>

namespace allocations {

inline std::atomic<std::size_t> counter{0};

/// How many there were so far.
inline std::size_t count() { return counter; }

}  // namespace allocations

[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations::counter;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations::counter;
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
