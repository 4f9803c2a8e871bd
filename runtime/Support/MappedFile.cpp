//===- MappedFile.cpp - A file's bytes as read-only memory ----------------===//
#include "runtime/Support/MappedFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mm1 {

Error fileError(const std::string &path, const char *what, int errnoValue) {
  std::string message = path + ": " + what + ": ";
  switch (errnoValue) {
  case ENOENT:
    return inputError(message + "no such file or folder");
  case EISDIR:
    return inputError(message + "is a folder, expected a file");
  case ENOTDIR:
    return inputError(message + "a part of the path is not a folder");
  case ENAMETOOLONG:
    return inputError(message + "the path is too long");
  case EACCES:
  case EPERM:
    return machineError(message + "permission denied");
  case ENOSPC:
  case EDQUOT:
    return machineError(message + "no space left on the disk");
  default:
    return machineError(message + std::strerror(errnoValue));
  }
}

Expected<MappedFile> MappedFile::open(const std::string &path) {
  // Not blocking: opening a pipe nobody writes to would otherwise hang.
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return fileError(path, "cannot open", errno);
  struct stat info;
  if (::fstat(fd, &info) != 0) {
    Error error = fileError(path, "cannot read its size", errno);
    ::close(fd);
    return error;
  }
  if (S_ISDIR(info.st_mode)) {
    ::close(fd);
    return fileError(path, "cannot open", EISDIR);
  }
  if (!S_ISREG(info.st_mode)) {
    ::close(fd);
    return inputError(path +
                      ": cannot open: is a pipe or a device, expected a file");
  }
  size_t sizeBytes = static_cast<size_t>(info.st_size);
  if (sizeBytes == 0) { // mmap refuses a length of zero
    ::close(fd);
    return MappedFile(path, nullptr, 0);
  }
  void *address = ::mmap(nullptr, sizeBytes, PROT_READ, MAP_SHARED, fd, 0);
  int mapErrno = errno;
  ::close(fd);
  if (address == MAP_FAILED)
    return fileError(path, "cannot map", mapErrno);
  return MappedFile(path, static_cast<const std::byte *>(address), sizeBytes);
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : filePath(std::move(other.filePath)),
      data(std::exchange(other.data, nullptr)),
      sizeBytes(std::exchange(other.sizeBytes, 0)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(filePath, other.filePath);
  std::swap(data, other.data);
  std::swap(sizeBytes, other.sizeBytes);
  return *this;
}

MappedFile::~MappedFile() {
  if (data)
    ::munmap(const_cast<std::byte *>(data), sizeBytes);
}

} // namespace mm1
