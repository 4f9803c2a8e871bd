//===- FilesTest.cpp - Mapping and replacing files ------------------------===//
#include "runtime/Support/MappedFile.h"
#include "runtime/Support/WriteFile.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace mm1;
namespace fs = std::filesystem;

class Files : public testing::Test {
protected:
  Files() {
    std::string pattern =
        (fs::temp_directory_path() / "mm1-files-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
  }
  ~Files() override { fs::remove_all(folder); }
  std::string at(const std::string &name) const {
    return (folder / name).string();
  }
  std::string read(const std::string &name) const {
    auto file = MappedFile::open(at(name));
    if (!file)
      return "error: " + file.error().message;
    return {reinterpret_cast<const char *>(file->bytes().data()),
            file->bytes().size()};
  }
  fs::path folder;
};

TEST_F(Files, writesWholeFilesAndReplacesThem) {
  ASSERT_TRUE(writeFile(at("a"), std::string_view("first")));
  EXPECT_EQ(read("a"), "first");
  ASSERT_TRUE(writeFile(at("a"), std::string_view("second, longer")));
  EXPECT_EQ(read("a"), "second, longer");
  ASSERT_TRUE(writeFile(at("empty"), std::string_view("")));
  EXPECT_EQ(read("empty"), "");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 2)
      << "no temporary file is left";
}

TEST_F(Files, failuresSayWhyAndWhoIsAtFault) {
  auto absent = MappedFile::open(at("absent"));
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().kind, ErrorKind::Input);
  EXPECT_EQ(absent.error().message,
            at("absent") + ": cannot open: no such file or folder");
  auto isFolder = MappedFile::open(folder.string());
  ASSERT_FALSE(isFolder);
  EXPECT_EQ(isFolder.error().kind, ErrorKind::Input);
  EXPECT_NE(isFolder.error().message.find("is a folder"), std::string::npos);
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::open(at("pipe")).error().kind, ErrorKind::Input)
      << "and it does not hang";
  EXPECT_FALSE(writeFile(at("no/such/folder"), std::string_view("x")));
  EXPECT_EQ(fileError("x", "cannot write", ENOSPC).kind, ErrorKind::Machine);
}

TEST_F(Files, permissionsAreTheMachinesFault) {
  if (::geteuid() == 0)
    GTEST_SKIP() << "root may read everything";
  ASSERT_TRUE(writeFile(at("secret"), std::string_view("x")));
  ::chmod(at("secret").c_str(), 0);
  EXPECT_EQ(MappedFile::open(at("secret")).error().kind, ErrorKind::Machine);
}

TEST_F(Files, aFullDiskLeavesNothing) {
  if (::access("/dev/full", W_OK) != 0)
    GTEST_SKIP() << "no /dev/full here";
  int full = ::open("/dev/full", O_WRONLY);
  Status status =
      writeAt(full, 0, std::as_bytes(std::span("some bytes")), "disk");
  ::close(full);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::Machine);
  EXPECT_EQ(status.error().message,
            "disk: cannot write: no space left on the disk");
}
