// The only place that knows the TOML library.
#include "gateway/runtime/regular_file.hpp"
#include "gateway/runtime/settings_keys.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

namespace mqttsn::gateway {

namespace {

std::optional<SettingValue> value_of(const toml::node& node) {
    if (const auto* each = node.as_boolean()) return SettingValue(each->get());
    if (const auto* each = node.as_integer()) return SettingValue(each->get());
    if (const auto* each = node.as_floating_point()) return SettingValue(each->get());
    if (const auto* each = node.as_string()) return SettingValue(each->get());
    if (const auto* list = node.as_array()) {
        std::vector<std::string> texts;
        for (const auto& element : *list) {
            const auto* each = element.as_string();
            if (each == nullptr) return std::nullopt;
            texts.push_back(each->get());
        }
        return SettingValue(std::move(texts));
    }
    return std::nullopt;
}

class Reader {
public:
    Reader(std::string path, Settings& settings) : path_(std::move(path)), settings_(settings) {}

    void read(const toml::table& root) {
        for (const auto& [key, node] : root) {
            const std::string name(key.str());
            if (const auto* table = node.as_table(); table != nullptr && is_section(name)) {
                read_section(name, *table);
            } else if (const auto* list = node.as_array(); list != nullptr && is_section("[" + name + "]")) {
                read_list("[" + name + "]", *list);
            } else {
                unknown_section(name, node);
            }
        }
    }

    SettingErrors errors;

private:
    static bool is_section(const std::string& name) {
        for (const SettingKey& each : setting_keys()) {
            if (each.section == name) return true;
        }
        return false;
    }

    void add_error(const toml::source_region& where, std::string_view text) {
        errors.push_back(fmt::format("{}:{}:{}: {}", path_, where.begin.line, where.begin.column, text));
    }

    void unknown_section(const std::string& name, const toml::node& node) {
        if (is_section("[" + name + "]"))
            return add_error(node.source(), fmt::format("write [[{0}]] instead of [{0}]", name));
        if (is_section(name)) return add_error(node.source(), fmt::format("write [{0}] instead of [[{0}]]", name));
        const std::string near = nearest_section(name);
        add_error(node.source(), near.empty()
                                     ? fmt::format("unknown section or key \"{}\"", name)
                                     : fmt::format("unknown section or key \"{}\"; did you mean [{}]?", name, near));
    }

    void read_list(const std::string& section, const toml::array& list) {
        for (const auto& element : list) {
            const auto* table = element.as_table();
            if (table == nullptr) {
                add_error(element.source(), fmt::format("[{}] must be a table", section));
                continue;
            }
            if (section == "[udp]") settings_.udp.emplace_back();
            if (section == "[serial]") {
                settings_.serial.emplace_back();
                settings_.serial.back().where = fmt::format("{}:{}", path_, element.source().begin.line);
            }
            if (section == "[topic]") {
                settings_.core.topics.emplace_back();
                check_needed(section, {"id", "name"}, *table);
            }
            if (section == "[delivery.policy]") {
                settings_.core.delivery.policies.emplace_back();
                check_needed(section, {"topics", "up"}, *table);
            }
            read_section(section, *table);
        }
    }

    void check_needed(const std::string& section, std::initializer_list<const char*> names, const toml::table& table) {
        for (const char* needed : names) {
            if (!table.contains(needed)) add_error(table.source(), fmt::format("[{}] needs {}", section, needed));
        }
    }

    void read_section(const std::string& section, const toml::table& table) {
        for (const auto& [key, node] : table) {
            const std::string name(key.str());
            const std::string label = fmt::format("[{}] {}", section, name);
            const std::string list_name = fmt::format("[{}.{}]", section, name);
            if (is_section(list_name)) {
                if (const auto* list = node.as_array()) {
                    read_list(list_name, *list);
                } else {
                    add_error(node.source(), fmt::format("write [{0}] instead of {0}", list_name));
                }
                continue;
            }
            const SettingKey* setting = find_key(section, name);
            if (setting == nullptr) {
                const std::string near = nearest_key(section, name);
                add_error(key.source(), near.empty() ? fmt::format("{}: unknown key", label)
                                                     : fmt::format("{}: unknown key; did you mean {}?", label, near));
                continue;
            }
            const auto value = value_of(node);
            if (!value || !setting->set(settings_, *value)) {
                add_error(node.source(), fmt::format("{}: expected {}", label, setting->expects));
            }
        }
    }

    std::string path_;
    Settings& settings_;
};

}  // namespace

SettingErrors read_settings_file(const std::string& path, Settings& settings) {
    if (const std::string why = why_unreadable(path); !why.empty()) {
        if (why.starts_with("is ")) return {fmt::format("{}: {}, not a configuration file", path, why)};
        return {fmt::format("{}: cannot be read: {}", path, why)};
    }
    try {
        const auto root = toml::parse_file(path);
        Reader reader(path, settings);
        reader.read(root);
        return std::move(reader.errors);
    } catch (const toml::parse_error& failure) {
        const auto& where = failure.source().begin;
        if (where.line == 0) {
            return {fmt::format("{}: cannot be read: {}", path, std::strerror(errno != 0 ? errno : ENOENT))};
        }
        return {fmt::format("{}:{}:{}: {}", path, where.line, where.column, failure.description())};
    }
}

}  // namespace mqttsn::gateway
