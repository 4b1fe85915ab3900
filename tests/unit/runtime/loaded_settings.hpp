// A configuration file as the gateway takes it, and what is wrong with it.
#pragma once

#include "gateway/runtime/settings_keys.hpp"
#include "tests/unit/runtime/temporary_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <catch2/catch.hpp>

#include <string>

namespace mqttsn::gateway::test {

using mqttsn::test::TemporaryFile;

struct Loaded {
    std::string path;
    Settings settings;
    SettingErrors errors;

    std::string text() const { return fmt::format("{}", fmt::join(errors, "\n")); }
};

inline Loaded load(std::string_view toml) {
    const TemporaryFile file(toml);
    Loaded loaded{file.path(), {}, {}};
    loaded.errors = read_settings_file(file.path(), loaded.settings);
    if (loaded.errors.empty()) loaded.errors = complete(loaded.settings, file.path());
    return loaded;
}

/// The one error of a file that has one.
inline std::string error_of(std::string_view toml) {
    const Loaded loaded = load(toml);
    INFO(loaded.text());
    REQUIRE(loaded.errors.size() == 1);
    CHECK_THAT(loaded.errors[0], Catch::Matchers::StartsWith(loaded.path + ":"));
    return loaded.errors[0].substr(loaded.path.size());
}

}  // namespace mqttsn::gateway::test
