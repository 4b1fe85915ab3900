// Runs a fuzz target over the files and directories given, for builds without libFuzzer.
#include "tests/fuzz/fuzz.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace {

namespace fs = std::filesystem;

bool run(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) {
        std::fprintf(stderr, "cannot read %s\n", file.c_str());
        return false;
    }
    const std::vector<char> octets(std::istreambuf_iterator<char>(stream), {});
    // Named first, so that a crash shows its input.
    std::printf("%s\n", file.c_str());
    std::fflush(stdout);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(octets.data()), octets.size());
    return true;
}

}  // namespace

int main(int count, char** arguments) {
    std::size_t inputs = 0;
    bool all_read = true;
    for (int i = 1; i < count; ++i) {
        std::vector<fs::path> files;
        if (fs::is_directory(arguments[i])) {
            for (const auto& entry : fs::recursive_directory_iterator(arguments[i])) {
                if (entry.is_regular_file()) files.push_back(entry.path());
            }
        } else {
            files.emplace_back(arguments[i]);
        }
        for (const auto& file : files)
            all_read = run(file) && all_read;
        inputs += files.size();
    }
    std::printf("%zu inputs\n", inputs);
    return all_read && inputs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
