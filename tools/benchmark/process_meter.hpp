// What a process costs, read from /proc.
#pragma once

#include "protocol/types.hpp"

#include <sys/types.h>

namespace mqttsn::tools::benchmark {

/// Monotonic time in nanoseconds.
std::int64_t now_ns() noexcept;

/// CPU time that this process used so far, exact.
std::int64_t own_cpu_ns() noexcept;
/// The part of it outside the kernel, as far as the kernel's sampling tells.
std::int64_t own_user_cpu_ns() noexcept;

/// CPU time that the living threads of a process used so far: to the nanosecond where the kernel keeps schedstat, else
/// to the clock tick. A thread that ended takes its share with it, so compare only over times in which none does.
/// Error: of the system, e.g. no such process.
Result<std::int64_t> cpu_ns(pid_t pid);

/// Resident memory in octets. Error: of the system.
Result<std::uint64_t> resident_octets(pid_t pid);

}  // namespace mqttsn::tools::benchmark
