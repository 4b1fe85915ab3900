// Frames as UDP datagrams in a pcapng file (draft-ietf-opsawg-pcapng) with raw IP packets, for Wireshark and tcpdump.
#pragma once

#include "tools/dump/datagram.hpp"

#include <cstdio>
#include <memory>
#include <string>

namespace mqttsn::tools {

/// Appends the blocks that every such file begins with: a section and one interface (raw IP, nanoseconds).
void append_pcapng_header(Buffer& out);

/// Appends one packet: IP and UDP with lengths and checksums as on the wire. A datagram that was cut off stays so: the
/// packet is marked as longer than captured, and has no UDP checksum. Error message_size, and nothing appended, if the
/// payload does not fit in a UDP datagram (65507 octets with IPv4, 65527 with IPv6), invalid_argument if the
/// addresses are of different families.
Result<void> append_pcapng_packet(CaptureTime time, const UdpDatagram& datagram, Buffer& out);

class PcapngFile {
public:
    /// "-" is the standard output.
    explicit PcapngFile(const std::string& path);

    /// What is wrong, with the file's name; empty if nothing.
    const std::string& error() const noexcept { return error_; }
    /// As append_pcapng_packet(); a full disk becomes an error().
    Result<void> write(CaptureTime time, const UdpDatagram& datagram);
    /// Gives everything to the system, so that another program can read it.
    void flush();

private:
    void put();

    struct Close {
        void operator()(std::FILE* file) const noexcept;
    };
    std::string name_;
    std::string error_;
    Buffer octets_;
    std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace mqttsn::tools
