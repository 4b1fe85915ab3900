// Captures of tcpdump and Wireshark, read by libpcap: pcap and pcapng, either byte order, any resolution of time.
#pragma once

#include "tools/dump/datagram.hpp"

#include <memory>
#include <string>

struct pcap;  // of libpcap

namespace mqttsn::tools {

struct CapturedPacket {
    CaptureTime time;
    Bytes octets;               ///< valid until the next packet is read
    std::size_t real_size = 0;  ///< on the wire; more than octets.size() if the capture cut it off
};

class CaptureFile {
public:
    /// "-" is the standard input. There is an error() if it cannot be opened, is no capture, or carries no IP.
    explicit CaptureFile(const std::string& path);

    /// What is wrong, with the file's name; empty if nothing. After next() too: the file ends in the middle.
    const std::string& error() const noexcept { return error_; }
    /// LINKTYPE of all packets, for find_udp().
    int link_type() const noexcept;
    /// False at the end, and when the rest cannot be read. Not to be called after an error.
    bool next(CapturedPacket& packet);

private:
    struct Close {
        void operator()(pcap* handle) const noexcept;
    };
    std::string name_;
    std::string error_;
    std::unique_ptr<pcap, Close> handle_;
};

}  // namespace mqttsn::tools
