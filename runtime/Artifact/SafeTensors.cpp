//===- SafeTensors.cpp - Read the safetensors format ----------------------===//
// The header is read by a SAX handler that knows the only allowed structure, so
// memory stays in proportion to the number of real tensors whatever the bytes
// say. Ranges are checked after sorting by offset.
#include "runtime/Artifact/SafeTensors.h"
#include "runtime/Support/Json.h"

#include <algorithm>
#include <cstring>

namespace mm1 {

namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes =
    100'000'000; // the limit of the official reader
constexpr size_t kMaxRank = 8;

/// What the header says about one tensor.
struct RawTensor {
  std::string name;
  std::optional<ElementType> type;
  std::vector<int64_t> shape;
  std::vector<uint64_t> range;
  bool hasShape = false;
};

/// Accepts {"__metadata__": {str: str...}, "NAME": {"dtype": str, "shape":
/// [n...], "data_offsets": [n, n]}...}.
class HeaderReader {
public:
  std::vector<RawTensor> tensors;
  std::map<std::string, std::string> metadata;
  std::string problem;

  bool null() { return fail("null"); }
  bool boolean(bool) { return fail("true or false"); }
  bool number_integer(int64_t value) {
    return fail("the number " + std::to_string(value));
  }
  bool number_float(double, const std::string &text) {
    return fail("the number " + text);
  }
  bool binary(nlohmann::json::binary_t &) { return fail("binary data"); }

  bool number_unsigned(uint64_t value) {
    if (place == Place::Shape) {
      if (value > static_cast<uint64_t>(INT64_MAX))
        return fail("the dimension " + std::to_string(value));
      if (tensors.back().shape.size() == kMaxRank)
        return fail("more than " + std::to_string(kMaxRank) + " dimensions");
      tensors.back().shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (place == Place::Range) {
      if (tensors.back().range.size() == 2)
        return fail("more than two data_offsets");
      tensors.back().range.push_back(value);
      return true;
    }
    return fail("the number " + std::to_string(value));
  }

  bool string(std::string &value) {
    if (place == Place::Metadata) {
      if (!metadata.emplace(field, std::move(value)).second)
        return fail("'" + field + "' twice");
      return true;
    }
    if (place == Place::Tensor && field == "dtype") {
      if (tensors.back().type)
        return fail("'dtype' twice");
      tensors.back().type = elementTypeNamed(value);
      if (!tensors.back().type)
        return fail("dtype " + inQuotes(value) + ", which mm1c does not read");
      return true;
    }
    return fail("the text " + inQuotes(value));
  }

  bool start_object(size_t) {
    if (place == Place::Start) {
      place = Place::Names;
      return true;
    }
    if (place == Place::Names) {
      place = inMetadata ? Place::Metadata : Place::Tensor;
      field.clear();
      return true;
    }
    return fail("an object");
  }
  bool end_object() {
    place = place == Place::Names ? Place::End : Place::Names;
    return true;
  }
  bool key(std::string &name) {
    if (place == Place::Names) {
      inMetadata = name == "__metadata__";
      if (inMetadata && std::exchange(sawMetadata, true))
        return fail("'__metadata__' twice");
      if (!inMetadata)
        tensors.push_back({std::move(name), {}, {}, {}, false});
      return true;
    }
    field = std::move(name);
    if (place == Place::Tensor && field != "dtype" && field != "shape" &&
        field != "data_offsets")
      return fail("the field " + inQuotes(field));
    return true;
  }
  bool start_array(size_t) {
    if (place == Place::Tensor && field == "shape" &&
        !std::exchange(tensors.back().hasShape, true)) {
      place = Place::Shape;
      return true;
    }
    if (place == Place::Tensor && field == "data_offsets" &&
        tensors.back().range.empty()) {
      place = Place::Range;
      return true;
    }
    return fail("a list");
  }
  bool end_array() {
    place = Place::Tensor;
    return true;
  }
  bool parse_error(size_t position, const std::string &,
                   const nlohmann::json::exception &) {
    problem = "the header is not JSON, at byte " +
              std::to_string(kLengthBytes + position);
    return false;
  }

private:
  bool fail(const std::string &found) {
    if (place == Place::Start || place == Place::Names)
      problem = inMetadata
                    ? "the header has " + found +
                          "; expected an object of texts under '__metadata__'"
                : tensors.empty()
                    ? "the header has " + found +
                          "; expected an object that names the tensors"
                    : "tensor " + inQuotes(tensors.back().name) + " has " +
                          found + "; expected dtype, shape, data_offsets";
    else if (place == Place::Metadata)
      problem = "'__metadata__' has " + found + "; expected only texts";
    else
      problem = "tensor " + inQuotes(tensors.back().name) + " has " + found +
                (field.empty() ? "" : " at " + inQuotes(field));
    return false;
  }

  enum class Place { Start, Names, Metadata, Tensor, Shape, Range, End };
  Place place = Place::Start;
  bool inMetadata = false, sawMetadata = false;
  std::string field;
};

} // namespace

std::string describeShape(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::optional<ElementType> elementTypeNamed(std::string_view wanted) {
  for (ElementType type :
       {ElementType::F64, ElementType::F32, ElementType::F16, ElementType::BF16,
        ElementType::I64, ElementType::I32, ElementType::I16, ElementType::I8,
        ElementType::U8, ElementType::Bool})
    if (name(type) == wanted)
      return type;
  return std::nullopt;
}

std::optional<uint64_t> tensorSizeBytes(ElementType type,
                                        std::span<const int64_t> shape) {
  int64_t size = static_cast<int64_t>(sizeBytes(type));
  for (int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(size, extent, &size))
      return std::nullopt;
  return static_cast<uint64_t>(size);
}

bool isPadding(std::string_view tensorName) {
  return tensorName.starts_with("__pad.");
}

/// Turns what the header says into a tensor, or says why it cannot be true.
/// `dataStart` is the file offset that data_offsets count from.
static Expected<SafeTensor> checkTensor(RawTensor &raw,
                                        std::span<const std::byte> file,
                                        uint64_t dataStart) {
  std::string who = "tensor " + inQuotes(raw.name) + " ";
  if (!raw.type)
    return inputError(who + "has no dtype");
  if (!raw.hasShape)
    return inputError(who + "has no shape");
  if (raw.range.size() != 2)
    return inputError(who + "has " + std::to_string(raw.range.size()) +
                      " data_offsets; expected two");
  auto [begin, end] = std::pair(raw.range[0], raw.range[1]);
  uint64_t dataBytes = file.size() - dataStart;
  if (begin > end || end > dataBytes)
    return inputError(who + "has data_offsets [" + std::to_string(begin) +
                      ", " + std::to_string(end) + "]; the file has " +
                      std::to_string(dataBytes) +
                      " bytes of data, is it cut short?");
  std::string what =
      std::string(name(*raw.type)) + " " + describeShape(raw.shape);
  auto wanted = tensorSizeBytes(*raw.type, raw.shape);
  if (!wanted)
    return inputError(who + "is " + what +
                      ", which is more bytes than a number can hold");
  if (*wanted != end - begin)
    return inputError(who + "is " + what + " = " + std::to_string(*wanted) +
                      " bytes; its data_offsets span " +
                      std::to_string(end - begin));
  uint64_t offset = dataStart + begin;
  if (offset % sizeBytes(*raw.type) != 0)
    return inputError(who + "starts at byte " + std::to_string(offset) +
                      ", which is not aligned for " +
                      std::string(name(*raw.type)) +
                      "; write the file again with a current safetensors");
  return SafeTensor{std::move(raw.name), *raw.type, std::move(raw.shape),
                    file.subspan(offset, *wanted), offset};
}

Expected<SafeTensorsFile>
SafeTensorsFile::parse(std::span<const std::byte> bytes, std::string origin) {
  auto refuse = [&](const std::string &problem) {
    return inputError(origin + ": " + problem);
  };
  if (bytes.size() < kLengthBytes)
    return refuse("is " + std::to_string(bytes.size()) +
                  " bytes, too short for a safetensors file");
  uint64_t headerBytes = 0;
  for (unsigned i = 0; i < kLengthBytes; ++i)
    headerBytes |= std::to_integer<uint64_t>(bytes[i]) << (8 * i);
  if (headerBytes > bytes.size() - kLengthBytes)
    return refuse("the header claims " + std::to_string(headerBytes) +
                  " bytes; the file has " +
                  std::to_string(bytes.size() - kLengthBytes) +
                  " after its length, is it cut short?");
  if (headerBytes > kMaxHeaderBytes)
    return refuse("the header claims " + std::to_string(headerBytes) +
                  " bytes; expected at most " +
                  std::to_string(kMaxHeaderBytes));

  HeaderReader header;
  const char *text =
      reinterpret_cast<const char *>(bytes.data()) + kLengthBytes;
  if (!nlohmann::json::sax_parse(text, text + headerBytes, &header))
    return refuse(header.problem);

  SafeTensorsFile result;
  uint64_t dataStart = kLengthBytes + headerBytes;
  for (RawTensor &raw : header.tensors) {
    auto tensor = checkTensor(raw, bytes, dataStart);
    if (!tensor)
      return refuse(tensor.error().message);
    result.entries.push_back(std::move(*tensor));
  }
  // Empty tensors first among those at one offset, so that they never seem to
  // overlap their neighbour.
  std::sort(
      result.entries.begin(), result.entries.end(),
      [](const SafeTensor &a, const SafeTensor &b) {
        return std::tuple(a.offset, a.bytes.size(), std::string_view(a.name)) <
               std::tuple(b.offset, b.bytes.size(), std::string_view(b.name));
      });
  uint64_t end = dataStart;
  for (const SafeTensor &tensor : result.entries) {
    if (tensor.offset < end)
      return refuse("tensor " + inQuotes(tensor.name) + " overlaps tensor " +
                    inQuotes((&tensor - 1)->name));
    result.unused += tensor.offset - end;
    end = tensor.offset + tensor.bytes.size();
  }
  result.unused += bytes.size() - end;
  for (uint32_t i = 0; i < result.entries.size(); ++i)
    if (!result.byName.emplace(result.entries[i].name, i).second)
      return refuse("tensor " + inQuotes(result.entries[i].name) +
                    " appears twice");
  result.strings = std::move(header.metadata);
  result.origin = std::move(origin);
  return result;
}

Expected<SafeTensorsFile> SafeTensorsFile::open(const std::string &path) {
  auto file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  auto result = parse(file->bytes(), path);
  if (result)
    result->file = std::move(*file);
  return result;
}

const SafeTensor *SafeTensorsFile::find(std::string_view tensorName) const {
  auto found = byName.find(tensorName);
  return found == byName.end() ? nullptr : &entries[found->second];
}

} // namespace mm1
