#include "gateway/runtime/link_report.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mqttsn::gateway {

namespace {

double mean_rssi_dbm(const DeviceSignal& device) {
    return device.quality.mean_rssi_dbm();
}

}  // namespace

std::string describe(const transports::Transport& link) {
    const auto& c = link.counters();
    std::string line = fmt::format(
        "{}: in {} frames {} octets, out {} frames {} octets, truncated {}, receive errors {}, send errors {}, send "
        "queue full {}",
        link.traits().name, c.frames_in, c.octets_in, c.frames_out, c.octets_out, c.truncated, c.receive_errors,
        c.send_errors, c.send_queue_full);
    for (const auto& each : link.more_counters()) {
        if (each.value != 0) line += fmt::format(", {} {}{}", each.name, each.value, each.unit());
    }
    return line;
}

std::vector<std::string> summarize(const std::vector<DeviceSignal>& signals,
                                   const std::vector<std::unique_ptr<transports::Transport>>& links) {
    std::vector<std::string> lines;
    for (std::size_t link = 0; link < links.size(); ++link) {
        double sum = 0;
        std::size_t devices = 0;
        const DeviceSignal* weakest = nullptr;
        for (const DeviceSignal& each : signals) {
            if (each.link != link) continue;
            ++devices;
            sum += mean_rssi_dbm(each);
            if (weakest == nullptr || mean_rssi_dbm(each) < mean_rssi_dbm(*weakest)) weakest = &each;
        }
        if (weakest == nullptr) continue;
        lines.push_back(fmt::format("{}: signals of {} devices, mean {:.0f} dBm, weakest {} with {:.0f} dBm",
                                    links[link]->traits().name, devices, sum / static_cast<double>(devices),
                                    weakest->client_id, mean_rssi_dbm(*weakest)));
    }
    return lines;
}

std::vector<std::string> describe(std::vector<DeviceSignal> signals, std::size_t limit) {
    std::ranges::sort(signals, {}, mean_rssi_dbm);
    std::vector<std::string> lines;
    for (const auto& [client_id, link, quality] : signals) {
        if (lines.size() == limit) {
            lines.push_back(fmt::format("signals of {} more devices left out", signals.size() - limit));
            break;
        }
        lines.push_back(
            fmt::format("{}: signal {} dBm, mean {:.0f}, lowest {}; SNR {} dB, mean {:.1f}, lowest {}; {} "
                        "frames",
                        client_id, quality.last.rssi_dbm, quality.mean_rssi_dbm(), quality.worst.rssi_dbm,
                        quality.last.snr_db, quality.mean_snr_db(), quality.worst.snr_db, quality.frames));
    }
    return lines;
}

}  // namespace mqttsn::gateway
