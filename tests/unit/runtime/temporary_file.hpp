// A file that lives as long as the test case.
#pragma once

#include <catch2/catch.hpp>

#include <unistd.h>

#include <string>
#include <string_view>

namespace mqttsn::test {

class TemporaryFile {
public:
    explicit TemporaryFile(std::string_view content) {
        const int fd = ::mkstemp(path_.data());
        REQUIRE(fd >= 0);
        REQUIRE(::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
        ::close(fd);
    }
    ~TemporaryFile() { ::unlink(path_.c_str()); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    const std::string& path() const noexcept { return path_; }

private:
    std::string path_ = "/tmp/mqttsn-test-XXXXXX";
};

}  // namespace mqttsn::test
