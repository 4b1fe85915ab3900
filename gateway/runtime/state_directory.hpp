// The directory in which one gateway keeps what survives it.
#pragma once

#include <filesystem>
#include <string>

namespace mqttsn::gateway {

class StateDirectory {
public:
    explicit StateDirectory(const std::filesystem::path& path);
    ~StateDirectory();
    StateDirectory(const StateDirectory&) = delete;
    StateDirectory& operator=(const StateDirectory&) = delete;

    /// Makes the directory (mode 0700) if it is missing and holds it against a second gateway until close() or
    /// the end of the process. False: error() says what to fix.
    bool open();
    /// Another gateway may have it from here on.
    void close();
    /// Makes the file (mode 0600) if it is missing; false when it cannot be written.
    bool create(const std::filesystem::path& file);
    /// Renames a file, with those that SQLite keeps beside it, to NAME.damaged-YYYYmmdd-HHMMSS. Returns the new path;
    /// empty when it cannot be renamed.
    std::filesystem::path set_aside(const std::filesystem::path& file);

    const std::filesystem::path& path() const noexcept { return path_; }
    const std::string& error() const noexcept { return error_; }

private:
    bool fail(const std::filesystem::path& where, int error);

    std::filesystem::path path_;
    std::string error_;
    int lock_ = -1;
};

/// "12 MiB free", of the file system on which `path` is.
std::string free_space(const std::filesystem::path& path);

}  // namespace mqttsn::gateway
