// The configuration mode of Ebyte modules.
#pragma once

#include "protocol/types.hpp"

#include <array>
#include <cstdint>

namespace mqttsn::dongle {

enum class EbyteModel : std::uint8_t { e22, e220, e32 };

class EbyteRegisters {
public:
    /// `configuring`: M0 and M1 put the module into configuration mode when it starts.
    EbyteRegisters(EbyteModel model, std::uint8_t channel, bool configuring);

    void restart() noexcept { configuring_ = by_pins_; }
    bool is_configuring() const noexcept { return configuring_; }
    /// Whether the octets were for the registers and not for the air; one command in one piece, as after a pause.
    bool take(Bytes octets, Buffer& reply);

private:
    void command(Bytes octets, Buffer& reply);
    void command_e32(Bytes octets, Buffer& reply);

    EbyteModel model_;
    bool by_pins_;
    bool configuring_;
    std::array<std::byte, 9> registers_{};
};

}  // namespace mqttsn::dongle
