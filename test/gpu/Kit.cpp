//===- Kit.cpp - What is carried to a machine with a GPU ------------------===//
#include "test/gpu/Kit.h"
#include "runtime/Artifact/Manifest.h"
#include "runtime/Support/Json.h"
#include "runtime/Support/MappedFile.h"

#include <algorithm>

namespace mm1::kit {

namespace {

constexpr int64_t kMostBytes = int64_t(1) << 40;

/// Reads an index whose files are there and whole.
class IndexReader {
public:
  IndexReader(std::string folder, const SafeTensorsFile &tensors)
      : folder(std::move(folder)), tensors(tensors) {}

  Expected<Module> readModule(const JsonObject &json) {
    Module module;
    auto name = json.string("name");
    if (!name)
      return name.takeError();
    auto architecture = json.string("architecture");
    if (!architecture)
      return architecture.takeError();
    auto cubin = json.string("cubin");
    if (!cubin)
      return cubin.takeError();
    auto host = json.stringOr("host", "");
    if (!host)
      return host.takeError();
    module.name = *name;
    module.architecture = *architecture;
    module.cubin = folder + "/" + *cubin;
    if (!host->empty())
      module.host = folder + "/" + *host;
    return module;
  }

  Expected<Case> readCase(const JsonObject &json) {
    Case result;
    for (auto [key, value] :
         {std::pair<const char *, std::string *>{"name", &result.name},
          {"group", &result.group},
          {"module", &result.module},
          {"kernel", &result.kernel},
          {"tolerance", &result.tolerance}}) {
      auto text = json.string(key);
      if (!text)
        return text.takeError();
      *value = *text;
    }
    for (auto [key, value, most] :
         {std::tuple<const char *, uint32_t *, int64_t>{
              "blocks", &result.blocks, INT32_MAX},
          {"threads", &result.threads, 1024}}) {
      auto number = json.integer(key, 1, most);
      if (!number)
        return number.takeError();
      *value = uint32_t(*number);
    }
    auto shared = json.integerOr("shared_bytes", 0, 0, 1 << 20);
    if (!shared)
      return shared.takeError();
    result.sharedBytes = uint32_t(*shared);
    for (auto [key, value] : {std::pair<const char *, uint64_t *>{
                                  "moved_bytes", &result.movedBytes},
                              {"flops", &result.flops}}) {
      auto number = json.integerOr(key, 0, 0, INT64_MAX);
      if (!number)
        return number.takeError();
      *value = uint64_t(*number);
    }
    auto arguments = list(json, "arguments");
    if (!arguments)
      return arguments.takeError();
    for (const JsonObject &each : *arguments) {
      Expected<Argument> argument = readArgument(each);
      if (!argument)
        return argument.takeError();
      result.arguments.push_back(*argument);
    }
    if (json.has("architectures")) {
      auto names = json.strings("architectures");
      if (!names)
        return names.takeError();
      result.architectures = *names;
    }
    return result;
  }

  Expected<Question> readQuestion(const JsonObject &json) {
    Question result;
    for (auto [key, value] :
         {std::pair<const char *, std::string *>{"name", &result.name},
          {"question", &result.question},
          {"source", &result.source}}) {
      auto text = json.string(key);
      if (!text)
        return text.takeError();
      *value = *text;
    }
    for (auto [key, value] :
         {std::pair<const char *, std::string *>{"measure", &result.measure},
          {"needs", &result.needs}}) {
      auto text = json.stringOr(key, "");
      if (!text)
        return text.takeError();
      *value = *text;
    }
    int ways =
        json.has("case") + !result.measure.empty() + !result.needs.empty();
    if (ways != 1)
      return json.error("case", "stands with 'measure' or 'needs', or none of "
                                "them is there; expected one of the three");
    if (!json.has("case"))
      return result;
    auto object = json.object("case");
    if (!object)
      return object.takeError();
    Expected<Case> launch = readCase(*object);
    if (!launch)
      return launch.takeError();
    auto asked =
        json.integer("asked", 0, int64_t(launch->arguments.size()) - 1);
    if (!asked)
      return asked.takeError();
    result.asked = uint32_t(*asked);
    uint64_t most = launch->arguments[result.asked].sizeBytes / 4;
    result.launch = std::move(*launch);
    auto answers = list(json, "answers");
    if (!answers)
      return answers.takeError();
    for (const JsonObject &each : *answers) {
      auto text = each.string("text");
      if (!text)
        return text.takeError();
      auto words = each.integers("words", 0, UINT32_MAX);
      if (!words)
        return words.takeError();
      if (words->empty() || words->size() > most)
        return each.mismatch("words",
                             "1 to " + std::to_string(most) + " words");
      Answer answer{*text, {words->begin(), words->end()}};
      for (const Answer &other : result.answers)
        if (other.words == answer.words)
          return each.error("words", "are also those of '" + other.text +
                                         "': the question asks nothing");
      result.answers.push_back(std::move(answer));
    }
    if (result.answers.empty())
      return json.mismatch("answers", "what the emulation says, at least");
    return result;
  }

  /// The objects of a field.
  Expected<std::vector<JsonObject>> list(const JsonObject &json,
                                         const char *key) {
    const nlohmann::json *value = json.find(key);
    std::vector<JsonObject> objects;
    if (!value || !value->is_array())
      return json.mismatch(key, "a list");
    for (size_t i = 0; i < value->size(); ++i) {
      auto object =
          JsonObject::root((*value)[i], json.origin() + ": " + key + "[" +
                                            std::to_string(i) + "]");
      if (!object)
        return object.takeError();
      objects.push_back(*object);
    }
    return objects;
  }

private:
  Expected<Argument> readArgument(const JsonObject &json) {
    Argument argument;
    auto bytes = json.integer("bytes", 1, kMostBytes);
    if (!bytes)
      return bytes.takeError();
    argument.sizeBytes = uint64_t(*bytes);
    if (json.has("initial")) {
      auto tensor = find(json, "initial");
      if (!tensor)
        return tensor.takeError();
      argument.initial = (*tensor)->bytes;
      if (argument.initial.size() != argument.sizeBytes)
        return json.error("initial",
                          "has " + std::to_string(argument.initial.size()) +
                              " bytes; expected " +
                              std::to_string(argument.sizeBytes) + ", 'bytes'");
    }
    if (!json.has("expected"))
      return argument;
    auto element = json.string("element");
    if (!element)
      return element.takeError();
    auto type = elementTypeNamed(*element);
    if (!type || (*type != ElementType::F32 && *type != ElementType::BF16 &&
                  *type != ElementType::I32))
      return json.mismatch("element", "F32, BF16 or I32");
    argument.element = *type;
    for (auto [key, value] :
         {std::pair<const char *, double *>{"absolute", &argument.absolute},
          {"relative", &argument.relative}}) {
      // A tolerance that lets everything pass would be a lie.
      auto number = json.number(key, 0, key[0] == 'r' ? 0.5 : 1e9);
      if (!number)
        return number.takeError();
      *value = *number;
    }
    auto tensor = find(json, "expected");
    if (!tensor)
      return tensor.takeError();
    uint64_t count = argument.sizeBytes / sizeBytes(*type);
    if ((*tensor)->type != ElementType::F64 ||
        (*tensor)->bytes.size() != count * sizeof(double))
      return json.error("expected", "is " + std::string(name((*tensor)->type)) +
                                        " " + describeShape((*tensor)->shape) +
                                        "; expected F64 [" +
                                        std::to_string(count) + "]");
    argument.expected = (*tensor)->elements<double>();
    return argument;
  }

  Expected<const SafeTensor *> find(const JsonObject &json, const char *key) {
    auto name = json.string(key);
    if (!name)
      return name.takeError();
    const SafeTensor *tensor = tensors.find(*name);
    if (!tensor)
      return json.error(key, "is " + inQuotes(*name) +
                                 ", which is not among the tensors of " +
                                 tensors.path());
    return tensor;
  }

  std::string folder;
  const SafeTensorsFile &tensors;
};

/// Whether a file of the index is the one that was hashed.
Status checkFile(const std::string &folder, const JsonObject &json) {
  auto path = json.string("path");
  if (!path)
    return path.takeError();
  if (path->empty() || path->front() == '/' ||
      path->find("..") != std::string::npos)
    return json.mismatch("path", "a file of the kit");
  auto hash = json.string("xxh3");
  if (!hash)
    return hash.takeError();
  auto file = MappedFile::open(folder + "/" + *path);
  if (!file)
    return file.takeError();
  if (hashHex(file->bytes()) != *hash)
    return inputError(file->path() + ": is not what " + kIndexFile + " says (" +
                      std::to_string(file->bytes().size()) + " bytes, hash " +
                      hashHex(file->bytes()) + "; expected " + *hash +
                      "): copy the kit again, or make it anew");
  return {};
}

} // namespace

Expected<Kit> Kit::open(const std::string &path) {
  std::string index = path + "/" + kIndexFile;
  auto file = MappedFile::open(index);
  if (!file)
    return file.takeError();
  auto ordered = parseOrderedJson(file->text(), index);
  if (!ordered)
    return ordered.takeError();
  if (!ordered->is_object() || ordered->value("format", "") != "mm1-gpu-kit")
    return inputError(index +
                      ": is no kit's index; mm1-make-gpu-kit makes one");
  ordered->erase("xxh3");
  if (sealManifest(*ordered) != file->text())
    return inputError(index + ": was changed after it was made; copy the kit "
                              "again, or make it anew");
  auto json = parseJson(file->text(), index);
  if (!json)
    return json.takeError();
  auto root = JsonObject::root(*json, index);
  if (!root)
    return root.takeError();
  auto version = root->integer("version", kKitVersion, kKitVersion);
  if (!version)
    return version.takeError();

  Kit kit;
  kit.folder = path;
  auto origin = root->string("made_from");
  if (!origin)
    return origin.takeError();
  kit.madeFrom = *origin;
  std::string tensorsPath = path + "/" + kTensorsFile;
  // Hashes first: a reader of a cut file would only say where it stops.
  const nlohmann::json *files = root->find("files");
  if (!files || !files->is_array())
    return root->mismatch("files", "a list");
  for (const nlohmann::json &each : *files) {
    auto object = JsonObject::root(each, index + ": files");
    if (!object)
      return object.takeError();
    if (Status status = checkFile(path, *object); !status)
      return status.takeError();
  }
  auto tensors = SafeTensorsFile::open(tensorsPath);
  if (!tensors)
    return tensors.takeError();
  kit.tensors = std::make_unique<SafeTensorsFile>(std::move(*tensors));

  IndexReader reader(path, *kit.tensors);
  auto modules = reader.list(*root, "modules");
  if (!modules)
    return modules.takeError();
  for (const JsonObject &each : *modules) {
    Expected<Module> module = reader.readModule(each);
    if (!module)
      return module.takeError();
    kit.builds.push_back(std::move(*module));
  }
  auto isBuilt = [&](const Case &what) {
    return std::any_of(
        kit.builds.begin(), kit.builds.end(),
        [&](const Module &module) { return module.name == what.module; });
  };
  auto cases = reader.list(*root, "cases");
  if (!cases)
    return cases.takeError();
  for (const JsonObject &each : *cases) {
    Expected<Case> one = reader.readCase(each);
    if (!one)
      return one.takeError();
    if (!isBuilt(*one))
      return each.mismatch("module", "one of 'modules'");
    kit.launches.push_back(std::move(*one));
  }
  auto caseless = reader.list(*root, "left_out");
  if (!caseless)
    return caseless.takeError();
  for (const JsonObject &each : *caseless) {
    auto name = each.string("name");
    if (!name)
      return name.takeError();
    auto why = each.string("why");
    if (!why)
      return why.takeError();
    kit.caseless.push_back({*name, *why});
  }
  auto questions = reader.list(*root, "questions");
  if (!questions)
    return questions.takeError();
  for (const JsonObject &each : *questions) {
    Expected<Question> one = reader.readQuestion(each);
    if (!one)
      return one.takeError();
    if (one->launch && !isBuilt(*one->launch))
      return each.mismatch("case", "a module of 'modules'");
    kit.asked.push_back(std::move(*one));
  }
  return kit;
}

std::string Kit::architectures() const {
  std::vector<std::string> names;
  std::string text;
  for (const Module &module : builds)
    if (std::find(names.begin(), names.end(), module.architecture) ==
        names.end()) {
      names.push_back(module.architecture);
      text += (text.empty() ? "" : ", ") + module.architecture;
    }
  return text.empty() ? "none" : text;
}

} // namespace mm1::kit
