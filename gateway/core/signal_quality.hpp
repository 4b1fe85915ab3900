// How well the gateway hears a device, where its link reports it.
#pragma once

#include "protocol/address.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

namespace mqttsn::gateway {

struct SignalQuality {
    Signal last;
    Signal worst;  ///< the lowest of each
    std::int64_t rssi_sum = 0;
    std::int64_t snr_sum = 0;
    std::uint32_t frames = 0;

    void add(const Signal& signal) noexcept {
        worst.rssi_dbm = frames == 0 ? signal.rssi_dbm : std::min(worst.rssi_dbm, signal.rssi_dbm);
        worst.snr_db = frames == 0 ? signal.snr_db : std::min(worst.snr_db, signal.snr_db);
        last = signal;
        rssi_sum += signal.rssi_dbm;
        snr_sum += signal.snr_db;
        ++frames;
    }
    double mean_rssi_dbm() const noexcept { return static_cast<double>(rssi_sum) / std::max(frames, 1U); }
    double mean_snr_db() const noexcept { return static_cast<double>(snr_sum) / std::max(frames, 1U); }
};

/// A device whose link reports signals.
struct DeviceSignal {
    std::string client_id;
    LinkId link = 0;
    SignalQuality quality;
};

}  // namespace mqttsn::gateway
