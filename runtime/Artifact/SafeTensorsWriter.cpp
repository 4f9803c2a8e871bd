//===- SafeTensorsWriter.cpp - Write the safetensors format at random -----===//
// The layout is fixed before the first byte: header, padded with spaces to the
// alignment, then the tensors in the declared order. Whoever packs can
// therefore work in parallel and go on after an interruption.
#include "runtime/Artifact/SafeTensors.h"
#include "runtime/Support/Json.h"
#include "runtime/Support/WriteFile.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>
#include <unordered_set>

namespace mm1 {

static uint64_t roundUp(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

static void appendEntry(std::string &header, const std::string &tensorName,
                        ElementType type, std::span<const int64_t> shape,
                        uint64_t begin, uint64_t end) {
  header += header.size() > 1 ? "," : "";
  header += nlohmann::json(tensorName).dump() + ":{\"dtype\":\"" +
            std::string(name(type)) +
            "\",\"shape\":" + nlohmann::json(shape).dump() +
            ",\"data_offsets\":[" + std::to_string(begin) + "," +
            std::to_string(end) + "]}";
}

Expected<SafeTensorsWriter>
SafeTensorsWriter::layOut(const std::string &path,
                          std::vector<TensorDecl> tensors,
                          const Options &options, std::string &header) {
  SafeTensorsWriter writer;
  writer.path = path;
  header = "{";
  if (!options.metadata.empty())
    header += "\"__metadata__\":" + nlohmann::json(options.metadata).dump();
  std::unordered_set<std::string_view> names;
  uint64_t at = 0, numPads = 0;
  for (const TensorDecl &tensor : tensors) {
    auto refuse = [&](const std::string &problem) {
      return inputError(path + ": cannot write tensor " +
                        inQuotes(tensor.name) + ": " + problem);
    };
    if (tensor.name == "__metadata__" || isPadding(tensor.name))
      return refuse("the name is reserved");
    if (!names.insert(tensor.name).second)
      return refuse("the name appears twice");
    auto size = tensorSizeBytes(tensor.type, tensor.shape);
    if (!size || *size > (uint64_t(1) << 62) - at)
      return refuse(describeShape(tensor.shape) + " is not a possible shape");
    if (at % sizeBytes(tensor.type) != 0)
      return refuse("it would start at byte " + std::to_string(at) +
                    " of the data, which is not aligned for " +
                    std::string(name(tensor.type)) +
                    "; put wider types first or ask for alignment");
    appendEntry(header, tensor.name, tensor.type, tensor.shape, at, at + *size);
    writer.places.push_back({at, *size});
    at += *size;
    if (uint64_t pad = roundUp(at, options.alignment) - at) {
      int64_t extent = static_cast<int64_t>(pad);
      appendEntry(header, "__pad." + std::to_string(numPads++), ElementType::U8,
                  {&extent, 1}, at, at + pad);
      at += pad;
    }
  }
  header += "}";
  uint64_t dataStart =
      roundUp(8 + header.size(), std::max<uint64_t>(options.alignment, 8));
  header.resize(dataStart - 8, ' ');
  uint64_t headerBytes = header.size();
  std::string length(8, '\0');
  for (unsigned i = 0; i < 8; ++i)
    length[i] = static_cast<char>(headerBytes >> (8 * i));
  header = length + header;
  for (Place &place : writer.places)
    place.offset += dataStart;
  writer.totalBytes = dataStart + at;
  return writer;
}

Expected<SafeTensorsWriter>
SafeTensorsWriter::create(const std::string &path,
                          std::vector<TensorDecl> tensors,
                          const Options &options) {
  std::string header;
  auto writer = layOut(path, std::move(tensors), options, header);
  if (!writer)
    return writer;
  writer->fd =
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (writer->fd < 0)
    return errno == EEXIST
               ? inputError(path + ": cannot create: it exists already")
               : fileError(path, "cannot create", errno);
  // Reserve the blocks now: a disk that is too small should be known before
  // hours of packing. Where the file system cannot, the file is sparse and a
  // later write may fail.
  off_t size = static_cast<off_t>(writer->totalBytes);
  Status status;
  if (::fallocate(writer->fd, 0, 0, size) != 0) {
    if (errno != EOPNOTSUPP && errno != ENOSYS)
      status = fileError(
          path, ("cannot reserve " + std::to_string(size) + " bytes").c_str(),
          errno);
    else if (::ftruncate(writer->fd, size) != 0)
      status = fileError(path, "cannot write", errno);
  }
  if (status)
    status = writeAt(writer->fd, 0, std::as_bytes(std::span(header)), path);
  if (!status) {
    ::unlink(path.c_str());
    return status.takeError();
  }
  return writer;
}

Expected<SafeTensorsWriter>
SafeTensorsWriter::resume(const std::string &path,
                          std::vector<TensorDecl> tensors,
                          const Options &options) {
  std::string header;
  auto writer = layOut(path, std::move(tensors), options, header);
  if (!writer)
    return writer;
  writer->fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (writer->fd < 0)
    return fileError(path, "cannot open", errno);
  std::string found(header.size(), '\0');
  ssize_t got = ::pread(writer->fd, found.data(), found.size(), 0);
  if (got < 0)
    return fileError(path, "cannot read", errno);
  if (found != header || ::lseek(writer->fd, 0, SEEK_END) !=
                             static_cast<off_t>(writer->totalBytes))
    return inputError(path + ": cannot go on writing: it holds other tensors "
                             "than this run would write; remove it");
  return writer;
}

SafeTensorsWriter::SafeTensorsWriter(SafeTensorsWriter &&other) noexcept
    : path(std::move(other.path)), fd(std::exchange(other.fd, -1)),
      places(std::move(other.places)), totalBytes(other.totalBytes) {}

SafeTensorsWriter &
SafeTensorsWriter::operator=(SafeTensorsWriter &&other) noexcept {
  std::swap(path, other.path);
  std::swap(fd, other.fd);
  std::swap(places, other.places);
  std::swap(totalBytes, other.totalBytes);
  return *this;
}

SafeTensorsWriter::~SafeTensorsWriter() {
  if (fd >= 0)
    ::close(fd);
}

Status SafeTensorsWriter::write(size_t tensor, uint64_t at,
                                std::span<const std::byte> bytes) const {
  assert(tensor < places.size() && "no such tensor");
  const Place &place = places[tensor];
  if (at > place.sizeBytes || bytes.size() > place.sizeBytes - at)
    return internalError(path + ": write past the end of tensor " +
                         std::to_string(tensor));
  return writeAt(fd, place.offset + at, bytes, path);
}

Status SafeTensorsWriter::finish() {
  int closing = std::exchange(fd, -1);
  Status status;
  if (::fsync(closing) != 0)
    status = fileError(path, "cannot write", errno);
  if (::close(closing) != 0 && status)
    status = fileError(path, "cannot write", errno);
  return status;
}

} // namespace mm1
