//===- Programs.h - Run mm1c and mm1-run as a user would ----------------------===//
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace mm1::test {

/// What a program did.
struct Outcome {
  int exitCode = -1; ///< 128 + signal when it was killed
  std::string out, err;
};

/// Runs build/bin/PROGRAM with these arguments and this standard input, and waits for it.
Outcome run(const std::string &program,
            const std::vector<std::string> &arguments,
            const std::string &input = "");

/// A folder that goes away with the object.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder &) = delete;
  std::string path(const std::string &name) const {
    return (folder / name).string();
  }

private:
  std::filesystem::path folder;
};

/// The golden cases in test/data/goldens, by name.
std::vector<std::string> goldenCases();
std::string goldenFolder(const std::string &name);

/// Whether mm1c finds NVRTC here, and so can build kernels for GPUs.
bool hasNvrtc();

void writeText(const std::string &path, const std::string &text);
std::string readText(const std::string &path);
/// "[1, 2, 3]"
std::string jsonList(const std::vector<int32_t> &values);

} // namespace mm1::test
