#include "tools/dongle/ebyte_registers.hpp"

#include <algorithm>

namespace mqttsn::dongle {

namespace {

constexpr std::byte write_kept{0xC0};
constexpr std::byte read{0xC1};
constexpr std::byte write_until_restart{0xC2};
constexpr std::array wrong{std::byte{0xFF}, std::byte{0xFF}, std::byte{0xFF}};
constexpr std::array switch_mode{std::byte{0xC0}, std::byte{0xC1}, std::byte{0xC2}, std::byte{0xC3}, std::byte{0x02}};
constexpr std::byte configuration_mode{0x02};
constexpr std::size_t e32_registers = 5;  // ADDH ADDL SPED CHAN OPTION

void append(Bytes octets, Buffer& reply) {
    reply.insert(reply.end(), octets.begin(), octets.end());
}

}  // namespace

EbyteRegisters::EbyteRegisters(EbyteModel model, std::uint8_t channel, bool configuring)
    : model_(model), by_pins_(configuring), configuring_(configuring) {
    const auto set = [&](std::initializer_list<std::uint8_t> values) {
        std::ranges::transform(values, registers_.begin(), [](std::uint8_t each) { return std::byte{each}; });
    };
    if (model == EbyteModel::e32) set({0x00, 0x00, 0x1A, channel, 0x44});
    if (model == EbyteModel::e220) set({0x00, 0x00, 0x62, 0x00, channel, 0x03, 0x00, 0x00});
    if (model == EbyteModel::e22) set({0x00, 0x00, 0x00, 0x62, 0x00, channel, 0x03, 0x00, 0x00});
}

bool EbyteRegisters::take(Bytes octets, Buffer& reply) {
    const bool switches = model_ == EbyteModel::e22 && octets.size() == switch_mode.size() + 1 &&
                          std::ranges::equal(octets.first(switch_mode.size()), switch_mode);
    if (switches) {
        configuring_ = octets.back() == configuration_mode;
        reply.push_back(read);
        append(octets.subspan(1), reply);
        return true;
    }
    if (!configuring_) return false;
    if (model_ == EbyteModel::e32) {
        command_e32(octets, reply);
    } else {
        command(octets, reply);
    }
    return true;
}

void EbyteRegisters::command(Bytes octets, Buffer& reply) {
    const std::size_t start = octets.size() < 3 ? registers_.size() : static_cast<std::size_t>(octets[1]);
    const std::size_t count = octets.size() < 3 ? 0 : static_cast<std::size_t>(octets[2]);
    if (count == 0 || start + count > registers_.size()) return append(wrong, reply);
    const bool writes = octets[0] == write_kept || octets[0] == write_until_restart;
    if (octets.size() != (writes ? 3 + count : 3) || (!writes && octets[0] != read)) return append(wrong, reply);
    if (writes) std::ranges::copy(octets.subspan(3), registers_.begin() + static_cast<std::ptrdiff_t>(start));
    reply.push_back(read);
    append(octets.subspan(1, 2), reply);
    append(Bytes(registers_).subspan(start, count), reply);
}

void EbyteRegisters::command_e32(Bytes octets, Buffer& reply) {
    const bool reads = octets.size() == 3 && std::ranges::count(octets, read) == 3;
    const bool writes =
        octets.size() == 1 + e32_registers && (octets[0] == write_kept || octets[0] == write_until_restart);
    if (!reads && !writes) return append(wrong, reply);
    if (writes) std::ranges::copy(octets.subspan(1), registers_.begin());
    reply.push_back(write_kept);
    append(Bytes(registers_).first(e32_registers), reply);
}

}  // namespace mqttsn::dongle
