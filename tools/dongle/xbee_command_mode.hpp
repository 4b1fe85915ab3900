// The command mode of an XBee that is in transparent mode: a second of silence, +++, a second of silence, then AT lines
// until ATCN or ten seconds of silence.
#pragma once

#include "tools/dongle/xbee_settings.hpp"

namespace mqttsn::dongle {

class XbeeCommandMode {
public:
    void reset(TimePoint now) noexcept;
    /// Appends answers to `reply`; returns what is not for the module but for the air.
    Buffer receive(Bytes octets, TimePoint now, XbeeSettings& settings, Buffer& reply);
    void timeout(TimePoint now, Buffer& reply);
    std::optional<TimePoint> next_timeout() const noexcept;
    bool is_active() const noexcept { return active_; }
    /// Whether ATFR was given since the last call.
    bool take_reset() noexcept { return std::exchange(reset_, false); }

private:
    void on_line(XbeeSettings& settings, Buffer& reply);

    TimePoint last_{};  ///< octet from the host
    std::string line_;
    int pluses_ = 0;
    bool active_ = false;
    bool reset_ = false;
};

}  // namespace mqttsn::dongle
