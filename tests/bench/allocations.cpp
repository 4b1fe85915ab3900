#include "tests/bench/allocations.hpp"

#include <malloc.h>

#include <cstdlib>
#include <new>

namespace {

mqttsn::test::Allocations total;
constexpr std::size_t header = 8;  // malloc's own, in front of each block

}  // namespace

mqttsn::test::Allocations mqttsn::test::allocations() noexcept {
    return total;
}

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    void* block = std::malloc(size);
    if (block == nullptr) return nullptr;
    ++total.count;
    total.octets += static_cast<std::int64_t>(malloc_usable_size(block) + header);
    return block;
}
void* operator new(std::size_t size) {
    void* block = operator new(size, std::nothrow);
    if (block == nullptr) throw std::bad_alloc();
    return block;
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return operator new(size, std::nothrow);
}
void* operator new[](std::size_t size) {
    return operator new(size);
}
void operator delete(void* block) noexcept {
    if (block != nullptr) total.octets -= static_cast<std::int64_t>(malloc_usable_size(block) + header);
    std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
    operator delete(block);
}
void operator delete[](void* block) noexcept {
    operator delete(block);
}
void operator delete[](void* block, std::size_t) noexcept {
    operator delete(block);
}
