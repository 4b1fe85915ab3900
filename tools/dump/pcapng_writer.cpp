#include "tools/dump/pcapng_writer.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace mqttsn::tools {

namespace {

constexpr std::uint16_t linktype_raw = 101;
constexpr std::uint8_t udp_protocol = 17;
constexpr std::uint8_t time_to_live = 64;
constexpr std::size_t udp_header = 8;
constexpr std::size_t ipv4_header = 20;
constexpr std::size_t ipv6_header = 40;

// Blocks are little-endian: readers tell by the byte-order magic.
class Block {
public:
    Block(std::uint32_t type, Buffer& out) : out_(out), begin_(out.size()) {
        put32(type);
        put32(0);
    }
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block() {
        pad();
        const auto length = static_cast<std::uint32_t>(out_.size() - begin_ + 4);
        put32(length);
        for (std::size_t i = 0; i < 4; ++i)
            out_[begin_ + 4 + i] = static_cast<std::byte>(length >> (8 * i));
    }

    void put32(std::uint32_t value) { put(value, 4); }
    void put16(std::uint16_t value) { put(value, 2); }
    void put64(std::uint64_t value) { put(value, 8); }
    void put_octets(Bytes octets) {
        out_.insert(out_.end(), octets.begin(), octets.end());
        pad();
    }
    void put_option(std::uint16_t code, Bytes value) {
        put16(code);
        put16(static_cast<std::uint16_t>(value.size()));
        put_octets(value);
    }

private:
    void put(std::uint64_t value, std::size_t size) {
        for (std::size_t i = 0; i < size; ++i)
            out_.push_back(static_cast<std::byte>(value >> (8 * i)));
    }
    void pad() {
        while ((out_.size() - begin_) % 4 != 0)
            out_.push_back(std::byte{});
    }

    Buffer& out_;
    std::size_t begin_;
};

void put16(Buffer& out, std::size_t value) {
    out.push_back(static_cast<std::byte>(value >> 8U));
    out.push_back(static_cast<std::byte>(value & 0xFFU));
}

std::uint32_t sum_of(Bytes octets, std::uint32_t sum) noexcept {
    for (std::size_t i = 0; i < octets.size(); ++i)
        sum += static_cast<std::uint32_t>(octets[i]) << (i % 2 == 0 ? 8U : 0U);
    return sum;
}

// RFC 1071.
std::uint16_t checksum(std::uint32_t sum) noexcept {
    while (sum >> 16U != 0)
        sum = (sum & 0xFFFFU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum & 0xFFFFU);
}

void put_ip(bool is_v6, std::size_t udp_size, Bytes from, Bytes to, Buffer& packet) {
    if (is_v6) {
        packet.insert(packet.end(), {std::byte{0x60}, {}, {}, {}});
        put16(packet, udp_size);
        packet.insert(packet.end(), {std::byte{udp_protocol}, std::byte{time_to_live}});
    } else {
        packet.insert(packet.end(), {std::byte{0x45}, {}});
        put16(packet, ipv4_header + udp_size);
        packet.insert(packet.end(), {{}, {}, {}, {}, std::byte{time_to_live}, std::byte{udp_protocol}});
        put16(packet, checksum(sum_of(from, sum_of(to, sum_of(packet, 0)))));
    }
    packet.insert(packet.end(), from.begin(), from.end());
    packet.insert(packet.end(), to.begin(), to.end());
}

// The IP packet, without the part of the payload that is not there.
Buffer packet_of(const UdpDatagram& datagram) {
    const bool is_v6 = datagram.from.is_v6();
    const std::size_t udp_size = udp_header + datagram.real_size;
    const Address sender = to_address(datagram.from);
    const Address receiver = to_address(datagram.to);
    const Bytes from = sender.octets().first(is_v6 ? 16 : 4);
    const Bytes to = receiver.octets().first(is_v6 ? 16 : 4);
    Buffer packet;
    packet.reserve((is_v6 ? ipv6_header : ipv4_header) + udp_size);
    put_ip(is_v6, udp_size, from, to, packet);
    const std::size_t udp_begin = packet.size();
    put16(packet, datagram.from.port());
    put16(packet, datagram.to.port());
    put16(packet, udp_size);
    put16(packet, 0);
    packet.insert(packet.end(), datagram.payload.begin(), datagram.payload.end());
    if (datagram.payload.size() == datagram.real_size) {
        const auto pseudo_header = static_cast<std::uint32_t>(udp_protocol + udp_size);
        const Bytes udp = Bytes(packet).subspan(udp_begin);
        const auto sum = checksum(sum_of(from, sum_of(to, sum_of(udp, pseudo_header))));
        const unsigned sent = sum == 0 ? 0xFFFFU : sum;  // 0 means that there is none (RFC 768)
        packet[udp_begin + 6] = static_cast<std::byte>(sent >> 8U);
        packet[udp_begin + 7] = static_cast<std::byte>(sent & 0xFFU);
    }
    return packet;
}

}  // namespace

void append_pcapng_header(Buffer& out) {
    {
        Block section(0x0A0D0D0A, out);
        section.put32(0x1A2B3C4D);  // byte-order magic
        section.put16(1);           // version 1.0
        section.put16(0);
        section.put64(~std::uint64_t{0});  // length of the section: not given
    }
    Block interface(1, out);
    interface.put16(linktype_raw);
    interface.put16(0);
    interface.put32(0);                                           // no limit on the packet size
    interface.put_option(2, as_bytes("mqttsn"));                  // if_name
    interface.put_option(9, as_bytes(std::string_view("\x09")));  // if_tsresol: 10^-9 s
    interface.put_option(0, {});
}

Result<void> append_pcapng_packet(CaptureTime time, const UdpDatagram& datagram, Buffer& out) {
    const bool is_v6 = datagram.from.is_v6();
    if (is_v6 != datagram.to.is_v6()) return make_error_code(boost::system::errc::invalid_argument);
    const std::size_t limit = 65535 - udp_header - (is_v6 ? 0 : ipv4_header);
    if (datagram.real_size > limit) return make_error_code(boost::system::errc::message_size);
    const Buffer packet = packet_of(datagram);
    const std::size_t missing = datagram.real_size - datagram.payload.size();
    const auto nanoseconds = static_cast<std::uint64_t>(time.time_since_epoch().count());
    Block enhanced_packet(6, out);
    enhanced_packet.put32(0);  // the interface
    enhanced_packet.put32(static_cast<std::uint32_t>(nanoseconds >> 32U));
    enhanced_packet.put32(static_cast<std::uint32_t>(nanoseconds & 0xFFFFFFFFU));
    enhanced_packet.put32(static_cast<std::uint32_t>(packet.size()));
    enhanced_packet.put32(static_cast<std::uint32_t>(packet.size() + missing));
    enhanced_packet.put_octets(packet);
    return {};
}

void PcapngFile::Close::operator()(std::FILE* file) const noexcept {
    if (file != stdout) std::fclose(file);
}

PcapngFile::PcapngFile(const std::string& path)
    : name_(path == "-" ? "standard output" : path), file_(path == "-" ? stdout : std::fopen(path.c_str(), "wb")) {
    if (!file_) {
        error_ = fmt::format("cannot write {}: {}", name_, std::strerror(errno));
        return;
    }
    append_pcapng_header(octets_);
    put();
}

Result<void> PcapngFile::write(CaptureTime time, const UdpDatagram& datagram) {
    const auto appended = append_pcapng_packet(time, datagram, octets_);
    if (appended) put();
    return appended;
}

void PcapngFile::flush() {
    if (error_.empty() && std::fflush(file_.get()) != 0) {
        error_ = fmt::format("cannot write {}: {}", name_, std::strerror(errno));
    }
}

void PcapngFile::put() {
    if (error_.empty() && std::fwrite(octets_.data(), 1, octets_.size(), file_.get()) != octets_.size()) {
        error_ = fmt::format("cannot write {}: {}", name_, std::strerror(errno));
    }
    octets_.clear();
}

}  // namespace mqttsn::tools
