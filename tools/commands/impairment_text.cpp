#include "tools/commands/impairment_text.hpp"

#include "tools/commands/duration.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace mqttsn::tools {

namespace {

using node::Direction;
using node::Effect;
using node::ImpairmentRule;

constexpr std::array<std::pair<std::string_view, Effect>, 4> effects{
    {{"lose", Effect::lose}, {"double", Effect::duplicate}, {"reorder", Effect::reorder}, {"delay", Effect::delay}}};

std::optional<sn::MsgType> type_named(std::string_view name) {
    for (unsigned code = 0; code <= 0xFF; ++code) {
        const auto type = static_cast<sn::MsgType>(code);
        if (sn::name_of(type) == name && name != "reserved") return type;
    }
    return std::nullopt;
}

bool read_number(std::string_view text, std::uint32_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() && number > 0;
}

// "3", "1-3", "4-"
bool read_range(std::string_view text, ImpairmentRule& rule) {
    const auto dash = text.find('-');
    if (!read_number(text.substr(0, dash), rule.first)) return false;
    if (dash == std::string_view::npos) rule.last = rule.first;
    if (dash == std::string_view::npos || dash + 1 == text.size()) return true;
    return read_number(text.substr(dash + 1), rule.last) && rule.last >= rule.first;
}

/// One word; error text when it has no meaning.
std::string read_word(std::string_view word, ImpairmentRule& rule, bool& has_effect, bool& has_delay) {
    if (word == "up" || word == "down") {
        rule.direction = word == "up" ? Direction::up : Direction::down;
        return {};
    }
    for (const auto& [name, effect] : effects) {
        if (word != name) continue;
        if (has_effect) return fmt::format("\"{}\": one effect a rule", word);
        rule.effect = effect;
        has_effect = true;
        return {};
    }
    if (word.front() == '#') {
        return read_range(word.substr(1), rule) ? "" : fmt::format("\"{}\": expected #3, #1-3 or #4-", word);
    }
    if (word.back() == '%') {
        const auto probability = parse_probability(word);
        if (probability) rule.probability = *probability;
        return probability ? "" : fmt::format("\"{}\": expected 0% to 100%", word);
    }
    if (const auto type = type_named(word)) {
        rule.type = type;
        return {};
    }
    if (const auto delay = parse_delay(word)) {
        rule.delay = delay->delay;
        rule.jitter = delay->jitter;
        has_delay = true;
        return {};
    }
    return fmt::format("\"{}\": expected up, down, a message type, lose, double, reorder, delay, 5%, 200ms or #1-3",
                       word);
}

}  // namespace

std::optional<double> parse_probability(std::string_view text) {
    const bool is_percent = !text.empty() && text.back() == '%';
    if (is_percent) text.remove_suffix(1);
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    if (is_percent) number /= 100;
    if (!(number >= 0 && number <= 1)) return std::nullopt;
    return number;
}

std::optional<Delay> parse_delay(std::string_view text) {
    Delay result;
    for (const std::string_view sign : {"±", "+-"}) {
        const auto at = text.find(sign);
        if (at == std::string_view::npos) continue;
        const auto jitter = parse_duration(text.substr(at + sign.size()));
        if (!jitter) return std::nullopt;
        result.jitter = *jitter;
        text = text.substr(0, at);
        break;
    }
    const auto delay = parse_duration(text);
    if (!delay || result.jitter > *delay) return std::nullopt;
    result.delay = *delay;
    return result;
}

ReadRule parse_impairment_rule(std::string_view text) {
    ImpairmentRule rule;
    bool has_effect = false;
    bool has_delay = false;
    for (std::string_view rest = text; !rest.empty();) {
        const auto end = std::min(rest.find(' '), rest.size());
        const auto word = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (word.empty()) continue;
        const auto error = read_word(word, rule, has_effect, has_delay);
        if (!error.empty()) return {std::nullopt, error};
    }
    if (!has_effect) return {std::nullopt, fmt::format("\"{}\": lose, double, reorder or delay?", text)};
    if (has_delay != (rule.effect == Effect::delay)) {
        return {std::nullopt, fmt::format("\"{}\": delay has a time such as 200ms, the other effects none", text)};
    }
    return {rule, {}};
}

std::string find_faults(const std::vector<std::string>& names, std::vector<const node::Fault*>& found) {
    for (const auto& name : names) {
        if (name == "all") {
            for (const node::Fault& each : node::faults())
                found.push_back(&each);
            continue;
        }
        const node::Fault* fault = node::fault_named(name);
        if (fault == nullptr) return fmt::format("\"{}\" is no fault; mqttsn sim --help-faults lists them", name);
        found.push_back(fault);
    }
    return {};
}

std::string list_of_faults() {
    std::string text = "--fault NAME[,NAME...] or all:\n";
    for (const node::Fault& each : node::faults())
        text += fmt::format("  {:<23} {:<14} {}\n", each.name, each.item, each.what);
    return text +
           "--impair RULE for the others, such as:\n"
           "  \"down PUBLISH lose 5%\"   SN12C-6.13-b   lose, double, reorder or delay messages of any type\n"
           "  \"up PUBACK lose #1-3\"    SN12C-6.13-c   withhold REGACK, PUBACK, PUBREC or PUBCOMP three times\n"
           "  \"up PUBREC lose\"         SN12C-6.13-c   ... or for ever\n"
           "  \"down PINGRESP lose\"     SN12C-6.14-f   lose PINGRESP\n"
           "  \"up PINGREQ delay 20s\"   SN12C-6.14-f   wake late, before or after the gateway's tolerance\n";
}

}  // namespace mqttsn::tools
