#include "tools/dump/datagram.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace mqttsn::tools {

std::string to_string(CaptureTime time) {
    const auto second = std::chrono::floor<std::chrono::seconds>(time);
    const auto nanoseconds = (time - second).count();
    const auto date = fmt::gmtime(std::chrono::system_clock::to_time_t(second));
    if (nanoseconds % 1000 != 0) return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}Z", date, nanoseconds);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", date, nanoseconds / 1000);
}

}  // namespace mqttsn::tools
