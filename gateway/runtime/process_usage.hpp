// What this process takes from the machine, as the kernel tells it.
#pragma once

#include <cstdint>

namespace mqttsn::gateway {

struct ProcessUsage {
    std::uint64_t resident_bytes = 0;
    double cpu_seconds = 0;  ///< user and system, all threads
    std::uint64_t open_files = 0;
    std::uint64_t max_files = 0;
    double started_at = 0;  ///< Unix time, seconds
};

/// What cannot be read is 0.
ProcessUsage read_process_usage();

}  // namespace mqttsn::gateway
