//===- HostProgram.h - Texts of kernels to run in tests -------------------===//
//   HostProgram program(R"(
//     DP_KERNEL(32) f(int *out) { dp::store(out + dp::thread(), 1); }
//     DP_EXPORT(f)
//   )");
//   std::vector<int> out(32);
//   EXPECT_EQ(program.run("f", {1, 32}, out.data()), "");
//
// The text's first line is line 1 of "k.cu", which reports name.
//===----------------------------------------------------------------------===//
#pragma once

#include "kernels/emulation/Engine.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <unistd.h>

namespace mm1::emulation::test {

/// Every order of threads, blocks and copies that tests go through.
inline std::vector<EngineOptions> allOrders() {
  std::vector<EngineOptions> all;
  for (bool late : {true, false})
    for (auto [order, seed] :
         {std::pair(Order::Forward, 1), std::pair(Order::Reverse, 1),
          std::pair(Order::Seeded, 1), std::pair(Order::Seeded, 2)})
      all.push_back(
          {.order = order, .seed = uint64_t(seed), .lateCopies = late});
  return all;
}

class HostProgram {
public:
  explicit HostProgram(const std::string &text, bool isChecked = false) {
    static int count = 0;
    std::filesystem::path folder = std::filesystem::path(testing::TempDir()) /
                                   ("mm1-kernels-" + std::to_string(getpid()) +
                                    "-" + std::to_string(count++));
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "k.cu")
        << "#include \"dp/dp.h\"\n#line 0 \"k.cu\"\n" + text;
    std::string library = folder / "k.so";
    std::string command =
        std::string("'" MM1_CXX_COMPILER "' -x c++ -std=c++20 -O1 -w -fPIC "
                    "-shared -fno-exceptions -ffp-contract=off ") +
        (isChecked ? "-fsanitize=thread -nostdlib " : "") +
        "-I'" MM1_SOURCE_DIR "/kernels' -o '" + library + "' '" +
        (folder / "k.cu").string() + "'";
    EXPECT_EQ(std::system(command.c_str()), 0) << text;
    auto opened = ModuleFile::open(library);
    EXPECT_TRUE(bool(opened)) << opened.error().message;
    if (opened)
      module = *opened;
    std::filesystem::remove_all(folder);
  }

  const Kernel &operator[](const char *name) const {
    const Kernel *kernel = module ? module->find(name) : nullptr;
    EXPECT_NE(kernel, nullptr) << name;
    return *kernel;
  }

  /// Runs with pointers or numbers as arguments. \returns the error
  template <typename... Arguments>
  std::string run(const char *name, LaunchShape shape,
                  Arguments... arguments) const {
    Engine engine;
    return run(engine, name, shape, arguments...);
  }
  template <typename... Arguments>
  std::string run(Engine &engine, const char *name, LaunchShape shape,
                  Arguments... arguments) const {
    const void *addresses[] = {&arguments..., nullptr};
    return engine.run((*this)[name], shape, addresses);
  }
  template <typename... Arguments>
  std::unique_ptr<Launch> start(Engine &engine, const char *name,
                                LaunchShape shape,
                                Arguments... arguments) const {
    const void *addresses[] = {&arguments..., nullptr};
    return engine.start((*this)[name], shape, addresses);
  }

private:
  std::optional<ModuleFile> module;
};

} // namespace mm1::emulation::test
