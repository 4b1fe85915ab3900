#include "transports/radio/xbee_frame.hpp"

#include <algorithm>
#include <cassert>

namespace mqttsn::transports::xbee {

namespace {

constexpr std::uint8_t type_tx64 = 0x00;
constexpr std::uint8_t type_tx16 = 0x01;
constexpr std::uint8_t type_at_command = 0x08;
constexpr std::uint8_t type_transmit_request = 0x10;
constexpr std::uint8_t type_rx64 = 0x80;
constexpr std::uint8_t type_rx16 = 0x81;
constexpr std::uint8_t type_at_response = 0x88;
constexpr std::uint8_t type_tx_status = 0x89;
constexpr std::uint8_t type_modem_status = 0x8a;
constexpr std::uint8_t type_transmit_status = 0x8b;
constexpr std::uint8_t type_receive_packet = 0x90;
constexpr std::uint8_t type_explicit_rx = 0x91;

constexpr std::array<std::byte, 8> broadcast64{std::byte{0}, std::byte{0}, std::byte{0},    std::byte{0},
                                               std::byte{0}, std::byte{0}, std::byte{0xff}, std::byte{0xff}};
constexpr std::array<std::byte, 8> no_address64{std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff},
                                                std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff}};

std::uint8_t octet(Bytes data, std::size_t at) noexcept {
    return std::to_integer<std::uint8_t>(data[at]);
}

std::uint16_t word(Bytes data, std::size_t at) noexcept {
    return static_cast<std::uint16_t>(octet(data, at) << 8 | octet(data, at + 1));
}

void push(std::uint8_t value, Buffer& out) {
    out.push_back(static_cast<std::byte>(value));
}

void push(Bytes octets, Buffer& out) {
    out.insert(out.end(), octets.begin(), octets.end());
}

void push_word(std::uint16_t value, Buffer& out) {
    push(static_cast<std::uint8_t>(value >> 8), out);
    push(static_cast<std::uint8_t>(value), out);
}

Signal signal_of(std::uint8_t rssi) noexcept {
    return {static_cast<std::int16_t>(-rssi), 0};
}

/// 90 and 91: src64, src16, whatever stands before the payload, payload.
std::optional<Frame> decode_receive(Bytes data, std::size_t header) noexcept {
    if (data.size() <= header) return std::nullopt;
    ReceivePacket packet;
    packet.short_address = word(data, 9);
    // All ones: the module does not know the 64-bit address (Zigbee), or the node has none (802.15.4 with MY set).
    const bool unknown = std::ranges::equal(data.subspan(1, 8), no_address64);
    packet.from = Address(unknown ? data.subspan(9, 2) : data.subspan(1, 8));
    packet.payload = data.subspan(header);
    return packet;
}

/// 80 and 81: source, rssi, options, payload.
std::optional<Frame> decode_legacy(Bytes data, std::size_t address_size) noexcept {
    const std::size_t header = 1 + address_size + 2;
    if (data.size() <= header) return std::nullopt;
    ReceivePacket packet;
    packet.from = Address(data.subspan(1, address_size));
    packet.signal = signal_of(octet(data, 1 + address_size));
    packet.legacy = true;
    packet.payload = data.subspan(header);
    return packet;
}

std::optional<Frame> decode_at_response(Bytes data) noexcept {
    if (data.size() < 5) return std::nullopt;
    return AtResponse{octet(data, 1),
                      {static_cast<char>(octet(data, 2)), static_cast<char>(octet(data, 3))},
                      octet(data, 4),
                      data.subspan(5)};
}

}  // namespace

std::optional<std::uint32_t> AtResponse::number() const noexcept {
    if (value.empty() || value.size() > 4) return std::nullopt;
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < value.size(); ++i)
        number = number << 8 | octet(value, i);
    return number;
}

std::optional<Frame> decode(Bytes data) noexcept {
    if (data.empty()) return std::nullopt;
    switch (octet(data, 0)) {
        case type_receive_packet:
            return decode_receive(data, 12);
        case type_explicit_rx:
            return decode_receive(data, 18);
        case type_rx64:
            return decode_legacy(data, 8);
        case type_rx16:
            return decode_legacy(data, 2);
        case type_at_response:
            return decode_at_response(data);
        case type_tx_status:
            if (data.size() < 3) return std::nullopt;
            return TransmitStatus{octet(data, 1), octet(data, 2)};
        case type_transmit_status:
            if (data.size() < 7) return std::nullopt;
            return TransmitStatus{octet(data, 1), octet(data, 5), word(data, 2)};
        case type_modem_status:
            if (data.size() < 2) return std::nullopt;
            return ModemStatus{octet(data, 1)};
        default:
            return OtherFrame{octet(data, 0)};
    }
}

void append(const TransmitRequest& request, Buffer& out) {
    assert(request.id != 0 && (request.broadcast || is_address(request.to)));
    const bool short_only = !request.broadcast && request.to.octets().size() == 2;
    if (request.legacy) {
        const bool tx16 = request.broadcast || short_only;
        push(tx16 ? type_tx16 : type_tx64, out);
        push(request.id, out);
        push(request.broadcast ? Bytes(broadcast64).last(2) : request.to.octets(), out);
        push(request.options, out);
    } else {
        push(type_transmit_request, out);
        push(request.id, out);
        push(request.broadcast ? Bytes(broadcast64) : short_only ? Bytes(no_address64) : request.to.octets(), out);
        if (short_only) {
            push(request.to.octets(), out);
        } else {
            push_word(request.broadcast ? no_short_address : request.short_address, out);
        }
        push(request.broadcast ? request.radius : std::uint8_t{0}, out);
        push(request.options, out);
    }
    push(request.payload, out);
}

void append_at_command(std::uint8_t id, std::string_view command, Bytes value, Buffer& out) {
    assert(command.size() == 2);
    push(type_at_command, out);
    push(id, out);
    push(as_bytes(command), out);
    push(value, out);
}

std::string_view delivery_text(std::uint8_t status) noexcept {
    switch (status) {
        case 0x00:
            return "delivered";
        case 0x01:
            return "no acknowledgement";
        case 0x02:
            return "the channel is busy";
        case 0x03:
            return "thrown away by the module";
        case 0x21:
            return "no acknowledgement from the network";
        case 0x22:
            return "the module has not joined a network";
        case 0x23:
            return "the address is the module's own";
        case 0x24:
            return "address not found";
        case 0x25:
            return "no route";
        case 0x26:
            return "no neighbour relayed the broadcast";
        case 0x2c:
        case 0x31:
        case 0x32:
            return "the module is out of resources";
        case 0x74:
            return "too large";
        case 0x75:
            return "not fetched by a sleeping node";
        default:
            return "unknown status";
    }
}

}  // namespace mqttsn::transports::xbee
