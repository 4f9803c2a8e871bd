//===- Manifest.cpp - manifest.json of an artifact ------------------------===//
#include "runtime/Artifact/Manifest.h"
#include "runtime/Artifact/KernelABI.h"
#include "runtime/Support/Json.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace mm1 {

namespace {

constexpr std::string_view kFormat = "mm1-artifact";
constexpr size_t kHashDigits = 16;
constexpr std::string_view kHashKey = "\"xxh3\": \"";
/// The oldest version whose plans this one still reads
/// (compiler/decisions/0006-plan-v2.md).
constexpr int64_t kOldestMajor = 0, kOldestMinor = 2;

struct Version {
  int64_t major, minor;
};

std::optional<Version> parseVersion(std::string_view text) {
  int64_t parts[3];
  const char *at = text.data(), *end = at + text.size();
  for (int i = 0; i < 3; ++i) {
    if (i != 0 && (at == end || *at++ != '.'))
      return std::nullopt;
    auto [next, problem] = std::from_chars(at, end, parts[i]);
    if (problem != std::errc() || parts[i] < 0)
      return std::nullopt;
    at = next;
  }
  if (at != end)
    return std::nullopt;
  return Version{parts[0], parts[1]};
}

bool isHash(std::string_view text) {
  return text.size() == kHashDigits &&
         text.find_first_not_of("0123456789abcdef") == text.npos;
}

/// A path below the artifact's folder that means one file only.
bool isPlainPath(std::string_view path) {
  if (path.empty() || path.size() > 512 || path.front() == '/' ||
      path.back() == '/')
    return false;
  for (char c : path)
    if (static_cast<unsigned char>(c) <= 0x20 ||
        static_cast<unsigned char>(c) >= 0x7f || c == '\\')
      return false;
  for (size_t at = 0; at <= path.size();) {
    size_t end = std::min(path.find('/', at), path.size());
    std::string_view part = path.substr(at, end - at);
    if (part.empty() || part == "." || part == "..")
      return false;
    at = end + 1;
  }
  return true;
}

/// Where the manifest's own digits are: behind the last key "xxh3".
size_t ownHashAt(std::string_view text) {
  size_t key = text.rfind(kHashKey);
  return key == text.npos || text.size() - key < kHashKey.size() + kHashDigits
             ? text.npos
             : key + kHashKey.size();
}

std::string ownHash(std::string text, size_t at) {
  std::fill_n(text.begin() + at, kHashDigits, '0');
  return hashHex(std::as_bytes(std::span(text)));
}

/// What to type to make the artifact again.
std::string commandOf(const JsonObject &root) {
  auto command = root.stringOr("command", "");
  return describeJson(command && !command->empty()
                          ? *command
                          : "mm1c compile CHECKPOINT -o ARTIFACT");
}

std::string rebuild(const JsonObject &root) {
  return "build the artifact again with this version's mm1c: " +
         commandOf(root);
}

Status checkVersion(const JsonObject &root, const std::string &version) {
  auto found = parseVersion(version), own = parseVersion(versionString());
  if (!found)
    return root.mismatch("version", "a version like \"" +
                                        std::string(versionString()) + "\"");
  if (found->major == kOldestMajor && found->minor < kOldestMinor)
    return root.error(
        "version", "says it was made by mm1c " + version +
                       ", whose plans mm1-run " + std::string(versionString()) +
                       " no longer reads; compile again: " + commandOf(root));
  if (found->major == own->major &&
      (found->minor == own->minor || found->minor + 1 == own->minor))
    return Status::ok();
  return root.error(
      "version", "says it was built by mm1c " + version +
                     ", but this is mm1-run " + std::string(versionString()) +
                     ", which runs its own and the previous minor version; " +
                     rebuild(root));
}

Status readFiles(const JsonObject &root, std::vector<Manifest::File> &files) {
  const nlohmann::json *list = root.find("files");
  if (!list || !list->is_array())
    return root.mismatch("files", "a list of files");
  std::set<std::string> seen;
  for (const nlohmann::json &element : *list) {
    std::string field = "files[" + std::to_string(files.size()) + "]";
    if (!element.is_object())
      return root.error(field,
                        "is " + describeJson(element) + "; expected an object");
    auto object = JsonObject::root(element, root.origin());
    auto path = object->string("path");
    if (!path)
      return path.takeError();
    if (!isPlainPath(*path))
      return root.error(field,
                        "has the path " + inQuotes(*path) +
                            "; expected one below the artifact's folder");
    if (!seen.insert(*path).second)
      return root.error(field, "names " + inQuotes(*path) + " a second time");
    auto size = object->integer("bytes", 0, INT64_MAX);
    if (!size)
      return size.takeError();
    Manifest::File file{*path, uint64_t(*size), "", {}};
    if (object->has("tensors")) {
      auto tensors = object->object("tensors");
      if (!tensors)
        return tensors.takeError();
      for (const auto &[name, hash] : tensors->raw().items()) {
        if (!hash.is_string() || !isHash(hash.get<std::string>()))
          return root.error(field, "has for " + inQuotes(name) + " the hash " +
                                       describeJson(hash) +
                                       "; expected 16 hexadecimal digits");
        file.tensors.emplace(name, hash.get<std::string>());
      }
    } else {
      auto hash = object->string("xxh3");
      if (!hash)
        return hash.takeError();
      if (!isHash(*hash))
        return root.error(field, "has the hash " + inQuotes(*hash) +
                                     "; expected 16 hexadecimal digits");
      file.hash = *hash;
    }
    files.push_back(std::move(file));
  }
  return Status::ok();
}

} // namespace

std::string_view versionString() { return MM1_VERSION; }

std::string hexDigits(uint64_t hash) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(kHashDigits, '0');
  for (size_t i = 0; i < kHashDigits; ++i)
    text[i] = kDigits[hash >> (60 - 4 * i) & 15];
  return text;
}

std::string hashHex(std::span<const std::byte> bytes) {
  return hexDigits(XXH3_64bits(bytes.data(), bytes.size()));
}

std::string sealManifest(nlohmann::ordered_json fields) {
  fields.erase("xxh3");
  fields["xxh3"] = std::string(kHashDigits, '0');
  std::string text =
      fields.dump(2, ' ', true, nlohmann::json::error_handler_t::replace) +
      "\n";
  size_t at = ownHashAt(text);
  return text.replace(at, kHashDigits, ownHash(text, at));
}

Expected<Manifest> Manifest::parse(std::string_view text,
                                   std::string_view origin) {
  auto fields = parseJson(text, origin);
  if (!fields)
    return fields.takeError();
  auto root = JsonObject::root(*fields, std::string(origin));
  if (!root)
    return root.takeError();
  auto format = root->string("format");
  if (!format)
    return format.takeError();
  if (*format != kFormat)
    return root->mismatch("format", "\"" + std::string(kFormat) + "\"");
  auto version = root->string("version");
  if (!version)
    return version.takeError();
  // Before the hash: another version may compute it in another way.
  if (Status status = checkVersion(*root, *version); !status)
    return status.takeError();

  size_t at = ownHashAt(text);
  auto hash = root->string("xxh3");
  if (!hash)
    return hash.takeError();
  std::string wanted = at == text.npos ? "" : ownHash(std::string(text), at);
  if (at == text.npos || text.substr(at, kHashDigits) != *hash ||
      *hash != wanted)
    return root->error("xxh3", "is " + inQuotes(*hash) +
                                   ", but the text hashes to '" + wanted +
                                   "': the file was changed or damaged; " +
                                   rebuild(*root));

  auto abi = root->integer("kernel_abi", 1, INT32_MAX);
  if (!abi)
    return abi.takeError();
  if (*abi != kKernelABIVersion)
    return root->error("kernel_abi",
                       "is " + std::to_string(*abi) +
                           ", but this mm1-run calls kernels of ABI " +
                           std::to_string(kKernelABIVersion) + "; " +
                           rebuild(*root));
  Manifest manifest;
  manifest.version = *version;
  auto target = root->object("target");
  if (!target)
    return target.takeError();
  auto device = target->string("device");
  if (!device)
    return device.takeError();
  manifest.device = *device;
  auto ranks = root->integer("ranks", 1, 1024);
  if (!ranks)
    return ranks.takeError();
  manifest.ranks = uint32_t(*ranks);
  if (auto flag = fields->find("has_weights"); flag != fields->end()) {
    if (!flag->is_boolean())
      return inputError(std::string(origin) + ": 'has_weights' is " +
                        describeJson(*flag) + "; expected true or false");
    manifest.hasWeights = flag->get<bool>();
  }
  if (root->has("self_test")) {
    auto selfTest = root->object("self_test");
    if (!selfTest)
      return selfTest.takeError();
    auto tolerance = selfTest->number("tolerance", 0, 1e6);
    if (!tolerance)
      return tolerance.takeError();
    manifest.selfTestTolerance = *tolerance;
  }
  if (Status status = readFiles(*root, manifest.files); !status)
    return status.takeError();
  manifest.fields = std::move(*fields);
  return manifest;
}

const Manifest::File *Manifest::find(std::string_view path) const {
  auto found = std::find_if(files.begin(), files.end(), [&](const File &file) {
    return file.path == path;
  });
  return found == files.end() ? nullptr : &*found;
}

} // namespace mm1
