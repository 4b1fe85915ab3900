#include "tools/dump/capture_file.hpp"

#include "tools/dump/link_layer.hpp"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <array>

namespace mqttsn::tools {

void CaptureFile::Close::operator()(pcap* handle) const noexcept {
    pcap_close(handle);
}

CaptureFile::CaptureFile(const std::string& path) : name_(path == "-" ? "standard input" : path) {
    std::array<char, PCAP_ERRBUF_SIZE> reason{};
    handle_.reset(pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, reason.data()));
    if (!handle_) {
        // libpcap mentions the path in some messages only.
        const std::string_view text = reason.data();
        const auto prefix = path + ": ";
        error_ = fmt::format("cannot read {}: {}", name_, text.starts_with(prefix) ? text.substr(prefix.size()) : text);
        if (text.find("file format") != text.npos || text.find("truncated") != text.npos)
            error_ += "; expected a pcap or pcapng file";
    } else if (!is_known_link_type(link_type())) {
        const char* name = pcap_datalink_val_to_name(link_type());
        error_ = fmt::format("cannot read {}: its link type is {}, not Ethernet, Linux cooked, raw IP or loopback",
                             name_, name == nullptr ? std::to_string(link_type()) : name);
    }
}

int CaptureFile::link_type() const noexcept {
    return pcap_datalink(handle_.get());
}

bool CaptureFile::next(CapturedPacket& packet) {
    pcap_pkthdr* header = nullptr;
    const u_char* octets = nullptr;
    const int result = pcap_next_ex(handle_.get(), &header, &octets);
    if (result == 1) {
        // With PCAP_TSTAMP_PRECISION_NANO, tv_usec holds nanoseconds.
        packet.time =
            CaptureTime(std::chrono::seconds(header->ts.tv_sec)) + std::chrono::nanoseconds(header->ts.tv_usec);
        packet.octets = {reinterpret_cast<const std::byte*>(octets), header->caplen};
        packet.real_size = header->len;
        return true;
    }
    if (result != PCAP_ERROR_BREAK) {  // which is the end of the file
        error_ = fmt::format("cannot read {} to its end: {}", name_, pcap_geterr(handle_.get()));
    }
    return false;
}

}  // namespace mqttsn::tools
