// Reads the keys of `--link KIND,key=value`.
#pragma once

#include "tools/dongle/dongle.hpp"

#include <initializer_list>
#include <map>

namespace mqttsn::dongle {

class Values {
public:
    /// `text` is "key=value,key=value" or empty.
    Values(std::string_view text, std::span<const DongleKey> keys);

    std::string text(std::string_view name);
    std::int64_t number(std::string_view name, std::int64_t lowest, std::int64_t highest);
    double share(std::string_view name);  ///< 0 to 1
    bool flag(std::string_view name);     ///< yes or no
    std::size_t choice(std::string_view name, std::initializer_list<std::string_view> choices);

    const std::string& error() const noexcept { return error_; }

private:
    void refuse(std::string_view name, std::string_view value);

    std::span<const DongleKey> keys_;
    std::map<std::string, std::string, std::less<>> values_;
    std::string error_;
};

}  // namespace mqttsn::dongle
