#include "tools/dongle/xbee_settings.hpp"

#include <algorithm>

namespace mqttsn::dongle {

namespace {

constexpr std::uint32_t serial_high = 0x0013A200;
constexpr std::uint32_t serial_low = 0x40A01000;
constexpr std::size_t longest_identifier = 20;

}  // namespace

XbeeSettings::XbeeSettings(XbeeVariant variant, std::uint8_t ap, std::uint8_t ao, std::uint16_t my, std::uint16_t np) {
    settings_ = {{"AP", {ap, 1, 2}},          {"SH", {serial_high, 4, {}}}, {"SL", {serial_low, 4, {}}},
                 {"ID", {0x3332, 2, 0xFFFF}}, {"BD", {3, 4, 0x0EC400}},     {"D6", {0, 1, 5}},
                 {"D7", {1, 1, 7}},           {"DB", {40, 1, {}}},          {"AI", {0, 1, {}}}};
    switch (variant) {
        case XbeeVariant::zigbee:
            settings_.insert({{"HV", {0x4242, 2, {}}},
                              {"VR", {0x1012, 2, {}}},
                              {"NP", {0xFF, 2, {}}},
                              {"AO", {ao, 1, 3}},
                              {"MY", {0, 2, {}}},
                              {"NH", {0x1E, 1, 0xFF}},
                              {"CE", {1, 1, 1}}});
            break;
        case XbeeVariant::digimesh:
            settings_.insert({{"HV", {0x4242, 2, {}}},
                              {"VR", {0x3012, 2, {}}},
                              {"NP", {73, 2, {}}},
                              {"AO", {ao, 1, 1}},
                              {"TO", {0xC0, 1, 0xFF}},
                              {"NH", {7, 1, 0x20}},
                              {"CH", {0x0C, 1, 0x1A}}});
            break;
        case XbeeVariant::legacy_802154:
            settings_.insert({{"HV", {0x1744, 2, {}}},
                              {"VR", {0x10EF, 2, {}}},
                              {"MY", {my, 2, 0xFFFF}},
                              {"MM", {0, 1, 3}},
                              {"CH", {0x0C, 1, 0x1A}},
                              {"CE", {0, 1, 1}}});
            if (np != 0) settings_["NP"] = {np, 2, {}};
    }
    if (np != 0) settings_["NP"].value = np;
}

std::uint32_t XbeeSettings::number(std::string_view name) const {
    const auto found = settings_.find(name);
    return found == settings_.end() ? 0 : found->second.value;
}

std::uint64_t XbeeSettings::serial() const {
    return std::uint64_t{serial_high} << 32U | serial_low;
}

void XbeeSettings::set(std::string_view name, std::uint32_t value) {
    if (const auto found = settings_.find(name); found != settings_.end()) found->second.value = value;
}

XbeeSettings::Answer XbeeSettings::command(std::string_view name, Bytes value) {
    for (const std::string_view each : {"AC", "WR", "CN"}) {
        if (name == each) return {};
    }
    if (name == "FR" || name == "RE") return {Status::ok, {}, name == "FR"};
    if (name == "NI") {
        if (value.size() > longest_identifier) return {Status::bad_parameter, {}, false};
        if (!value.empty()) node_identifier_ = as_text(value);
        const Bytes text = as_bytes(node_identifier_);
        return value.empty() ? Answer{Status::ok, Buffer(text.begin(), text.end()), false} : Answer{};
    }
    const auto found = settings_.find(name);
    if (found == settings_.end()) return {Status::bad_command, {}, false};
    Setting& setting = found->second;
    Answer answer;
    if (value.empty()) {
        for (std::size_t i = setting.octets; i-- > 0;)
            answer.value.push_back(static_cast<std::byte>(setting.value >> 8 * i & 0xFFU));
        return answer;
    }
    std::uint64_t given = 0;
    for (const std::byte each : value.first(std::min<std::size_t>(value.size(), 5)))
        given = given << 8U | static_cast<std::uint64_t>(each);
    if (!setting.most || given > *setting.most) return {Status::bad_parameter, {}, false};
    setting.value = static_cast<std::uint32_t>(given);
    return answer;
}

}  // namespace mqttsn::dongle
