#include "tools/dump/shown_frame.hpp"

#include "protocol/hex.hpp"

#include <fmt/format.h>

namespace mqttsn::tools {

namespace {

std::string origin(const ShownFrame& frame) {
    if (!frame.is_from_network) return {};
    return fmt::format("{} {} > {} ", to_string(frame.time), to_string(frame.datagram.from),
                       to_string(frame.datagram.to));
}

}  // namespace

ShownFrame show(std::uint64_t number, bool is_from_network, CaptureTime time, const UdpDatagram& datagram) {
    ShownFrame frame{number, is_from_network, time, datagram, {}};
    if (datagram.payload.size() == datagram.real_size) {
        frame.text = sn::describe(datagram.payload);
        return frame;
    }
    frame.text.error = sn::CodecError::length_mismatch;
    frame.text.reason =
        fmt::format("cut off by the capture: {} of {} octets are there", datagram.payload.size(), datagram.real_size);
    frame.text.rest = datagram.payload;
    return frame;
}

std::string one_line(const ShownFrame& frame) {
    return origin(frame) + sn::one_line(frame.text) + '\n';
}

std::string all_lines(const ShownFrame& frame) {
    std::string lines = fmt::format("#{} {}{} octets\n", frame.number, origin(frame), frame.datagram.real_size);
    for (const auto& layer : frame.text.layers) {
        lines += fmt::format("  {} (0x{:02x})\n", sn::name_of(layer.type), static_cast<unsigned>(layer.type));
        for (const auto& field : layer.fields)
            lines += fmt::format("    {:<17}{}\n", field.name, sn::to_string(field.value, std::string::npos));
    }
    if (frame.is_malformed()) lines += fmt::format("  {}\n", sn::malformed_line(frame.text.reason, frame.text.rest));
    return lines + fmt::format("  {:<19}{}\n", "octets", to_hex(frame.datagram.payload));
}

}  // namespace mqttsn::tools
