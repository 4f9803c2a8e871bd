//===- EmulatedDriver.h - A driver that can be told to fail ---------------===//
// The emulated driver's own functions (Control.h), for tests of what runs on
// it. It is one for the whole process, as a driver is:
//
//   EmulatedDriver driver;               // forgets what was before
//   driver.config.late = 1;
//   driver.reset();
//   driver.inject("cuGraphLaunch", 2, cuda::kIllegalAddress);
//   ...
//   EXPECT_EQ(driver.reports(), "");
//===----------------------------------------------------------------------===//
#pragma once

#include "kernels/emulation/driver/Control.h"

#include <cstdlib>
#include <dlfcn.h>
#include <string>

namespace mm1::test {

class EmulatedDriver {
public:
  EmulatedDriver() : library(::dlopen(MM1_EMULATED_DRIVER, RTLD_NOW)) {
    find("mm1_emulated_default_config", defaultConfig);
    find("mm1_emulated_reset", resetTo);
    find("mm1_emulated_inject", injectAt);
    find("mm1_emulated_reports", reportsOf);
    find("mm1_emulated_calls", callsOf);
    find("mm1_emulated_call_name", nameOf);
    defaultConfig(&config);
    config.print = 0;
    reset();
  }

  void reset() { resetTo(&config); }
  void inject(const char *function, int nth, int code) {
    injectAt(function, nth, code);
  }
  std::string reports() const { return reportsOf(); }
  uint64_t calls() const { return callsOf(); }
  /// From 1 on.
  std::string callName(uint64_t nth) const { return nameOf(nth); }

  mm1_emulated_config config = {};

private:
  template <typename Function>
  void find(const char *name, Function *&function) {
    function = reinterpret_cast<Function *>(::dlsym(library, name));
    if (!function)
      std::abort();
  }

  void *library;
  decltype(mm1_emulated_default_config) *defaultConfig;
  decltype(mm1_emulated_reset) *resetTo;
  decltype(mm1_emulated_inject) *injectAt;
  decltype(mm1_emulated_reports) *reportsOf;
  decltype(mm1_emulated_calls) *callsOf;
  decltype(mm1_emulated_call_name) *nameOf;
};

} // namespace mm1::test
