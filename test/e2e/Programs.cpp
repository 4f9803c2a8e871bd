//===- Programs.cpp - Run mm1c and mm1-run as a user would --------------------===//
#include "test/e2e/Programs.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

namespace mm1::test {

namespace fs = std::filesystem;

Outcome run(const std::string &program,
            const std::vector<std::string> &arguments,
            const std::string &input) {
  TemporaryFolder folder;
  std::string outPath = folder.path("out"), errPath = folder.path("err"),
              inPath = folder.path("in");
  writeText(inPath, input);
  std::string path = std::string(MM1_BIN_DIR) + "/" + program;
  std::vector<char *> argv{path.data()};
  std::vector<std::string> copies = arguments;
  for (std::string &argument : copies)
    argv.push_back(argument.data());
  argv.push_back(nullptr);

  pid_t child = fork();
  if (child == 0) {
    if (!std::freopen(inPath.c_str(), "r", stdin) ||
        !std::freopen(outPath.c_str(), "w", stdout) ||
        !std::freopen(errPath.c_str(), "w", stderr))
      _exit(126);
    execv(path.c_str(), argv.data());
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  Outcome outcome;
  outcome.exitCode =
      WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  outcome.out = readText(outPath);
  outcome.err = readText(errPath);
  return outcome;
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "mm1-test-XXXXXX").string();
  if (!mkdtemp(name.data()))
    std::abort();
  folder = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(folder, ignored);
}

std::vector<std::string> goldenCases() {
  std::vector<std::string> names;
  for (const auto &entry : fs::directory_iterator(MM1_TEST_DATA "/goldens"))
    if (fs::exists(entry.path() / "config.json"))
      names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string goldenFolder(const std::string &name) {
  return std::string(MM1_TEST_DATA "/goldens/") + name;
}

bool hasNvrtc() {
  static const bool has = [] {
    TemporaryFolder folder;
    return run("mm1c", {"compile", goldenFolder("base"), "--target", "sm_80",
                        "--emit=cubin", "--quiet", "-o", folder.path("c")})
               .exitCode != 3;
  }();
  return has;
}

void writeText(const std::string &path, const std::string &text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string readText(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string jsonList(const std::vector<int32_t> &values) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i)
    text += (i ? ", " : "") + std::to_string(values[i]);
  return text + "]";
}

} // namespace mm1::test
