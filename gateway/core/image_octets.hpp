// How the images of the store are written: numbers big-endian, texts and octets behind their length.
#pragma once

#include "protocol/types.hpp"

#include <concepts>

namespace mqttsn::gateway {

class ImageWriter {
public:
    explicit ImageWriter(Buffer& out) : out_(out) {}

    template <std::unsigned_integral Number>
    void number(Number value) {
        for (std::size_t shift = sizeof(Number); shift-- > 0;)
            out_.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8U * shift)));
    }
    void flag(bool value) { number(static_cast<std::uint8_t>(value)); }
    void octets(Bytes value) {
        number(static_cast<std::uint32_t>(value.size()));
        out_.insert(out_.end(), value.begin(), value.end());
    }
    void text(std::string_view value) { octets(as_bytes(value)); }

private:
    Buffer& out_;
};

/// Reads what ImageWriter wrote; once anything is missing everything reads as zero and `is_good` is false.
class ImageReader {
public:
    explicit ImageReader(Bytes in) : in_(in) {}

    template <std::unsigned_integral Number>
    Number number() {
        std::uint64_t value = 0;
        for (const std::byte each : take(sizeof(Number)))
            value = value << 8U | static_cast<std::uint64_t>(each);
        return static_cast<Number>(value);
    }
    bool flag() { return number<std::uint8_t>() != 0; }
    Bytes octets() { return take(number<std::uint32_t>()); }
    std::string_view text() { return as_text(octets()); }
    /// A count of things of at least one octet each.
    std::uint32_t count() {
        const auto value = number<std::uint32_t>();
        if (value > in_.size()) is_good_ = false;
        return is_good_ ? value : 0;
    }
    bool is_good() const noexcept { return is_good_; }

private:
    Bytes take(std::size_t size) {
        if (size > in_.size()) {
            is_good_ = false;
            in_ = {};
            return {};
        }
        const Bytes taken = in_.first(size);
        in_ = in_.subspan(size);
        return taken;
    }

    Bytes in_;
    bool is_good_ = true;
};

}  // namespace mqttsn::gateway
