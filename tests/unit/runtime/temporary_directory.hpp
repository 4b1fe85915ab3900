// A directory that lives as long as the test case.
#pragma once

#include <catch2/catch.hpp>

#include <stdlib.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace mqttsn::test {

class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string name = "/tmp/mqttsn-test-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    const std::filesystem::path& path() const noexcept { return path_; }

    /// Names of the files that begin so.
    std::vector<std::string> files(std::string_view beginning) const {
        std::vector<std::string> names;
        for (const auto& each : std::filesystem::directory_iterator(path_)) {
            if (each.path().filename().string().starts_with(beginning))
                names.push_back(each.path().filename().string());
        }
        std::ranges::sort(names);
        return names;
    }

private:
    std::filesystem::path path_;
};

}  // namespace mqttsn::test
