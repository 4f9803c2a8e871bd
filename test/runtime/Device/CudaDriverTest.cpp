//===- CudaDriverTest.cpp - Drivers that are not there, or not enough -----===//
#include "runtime/Device/CudaDriver.h"

#include <gtest/gtest.h>

using namespace mm1;

namespace {

/// The message for `library`, which cannot be used.
std::string messageOf(const std::string &library) {
  auto driver = CudaDriver::open(library);
  if (driver)
    return "opened";
  EXPECT_EQ(driver.error().kind, ErrorKind::Machine);
  return driver.error().message;
}

TEST(CudaDriver, SaysThatThereIsNone) {
  std::string message = messageOf("libcuda-of-nobody.so.1");
  EXPECT_NE(message.find("no CUDA driver"), message.npos) << message;
  EXPECT_NE(message.find("libcuda-of-nobody.so.1"), message.npos) << message;
  EXPECT_NE(message.find("install NVIDIA driver r580"), message.npos)
      << message;
  EXPECT_NE(message.find("--target cpu"), message.npos) << message;
}

TEST(CudaDriver, SaysThatALibraryIsNoDriver) {
  EXPECT_NE(messageOf(MM1_DRIVER_none).find("has no cuGetProcAddress_v2"),
            std::string::npos);
}

// It lacks functions as well; its age says more.
TEST(CudaDriver, SaysThatADriverIsTooOld) {
  std::string message = messageOf(MM1_DRIVER_old);
  EXPECT_NE(message.find("knows CUDA 12.8"), message.npos) << message;
  EXPECT_NE(message.find("need CUDA 13.0"), message.npos) << message;
  EXPECT_NE(message.find("driver r580 or newer"), message.npos) << message;
}

TEST(CudaDriver, NamesAllFunctionsThatAreMissing) {
  std::string message = messageOf(MM1_DRIVER_lacking);
  EXPECT_NE(message.find("lacks cuFuncLoad, cuGraphUpload;"), message.npos)
      << message;
}

} // namespace
