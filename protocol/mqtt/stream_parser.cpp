#include "protocol/mqtt/stream_parser.hpp"

#include <algorithm>
#include <utility>

namespace mqttsn::mqtt {

void StreamParser::feed(Bytes octets) {
    input_ = octets;
    completed_ = Buffer();
}

void StreamParser::reset() noexcept {
    input_ = {};
    partial_ = Buffer();
}

Result<StreamParser::Header> StreamParser::header_of(Bytes octets) {
    std::size_t remaining = 0;
    for (std::size_t i = 1; i < octets.size(); ++i) {
        const auto each = static_cast<std::size_t>(octets[i]);
        remaining |= (each & 0x7FU) << (7 * (i - 1));
        if ((each & 0x80U) == 0) return Header{i + 1, remaining};
        if (i == 4) return make_error_code(CodecError::malformed);
    }
    return Header{};
}

Result<std::optional<StreamParser::RawPacket>> StreamParser::next() {
    // A packet that began in an earlier feed takes what it lacks, and not an octet more.
    while (!partial_.empty()) {
        const auto header = header_of(partial_);
        if (!header) return header.error();
        if (header->size + header->remaining > maximum_) return make_error_code(CodecError::packet_too_large);
        const std::size_t wanted = header->size == 0 ? partial_.size() + 1 : header->size + header->remaining;
        if (header->size != 0 && partial_.size() == wanted) {
            completed_ = std::exchange(partial_, {});
            return RawPacket{static_cast<std::uint8_t>(completed_[0]), Bytes(completed_).subspan(header->size)};
        }
        if (input_.empty()) return std::optional<RawPacket>();
        const std::size_t taken = std::min(input_.size(), wanted - partial_.size());
        partial_.insert(partial_.end(), input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(taken));
        input_ = input_.subspan(taken);
    }
    if (input_.empty()) return std::optional<RawPacket>();
    const auto header = header_of(input_);
    if (!header) return header.error();
    const std::size_t size = header->size + header->remaining;
    if (size > maximum_) return make_error_code(CodecError::packet_too_large);
    if (header->size == 0 || size > input_.size()) {
        partial_.assign(input_.begin(), input_.end());
        input_ = {};
        return std::optional<RawPacket>();
    }
    const RawPacket packet{static_cast<std::uint8_t>(input_[0]), input_.subspan(header->size, header->remaining)};
    input_ = input_.subspan(size);
    return packet;
}

}  // namespace mqttsn::mqtt
