//===- mm1-run.cpp - Run what mm1c compiled -------------------------------===//
// The command line; each sub-command is a file of its own. This is the one file
// of the program that is built with exceptions, because CLI11 reports through
// them.
#include "runtime/Artifact/Manifest.h"
#include "runtime/tools/Commands.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <string>

using namespace mm1;

static constexpr int kUsageExit = static_cast<int>(ErrorKind::Usage);

static void addModel(CLI::App &app, ModelArguments &model) {
  app.add_option("ARTIFACT", model.artifact,
                 "The folder that mm1c compile wrote")
      ->required();
  app.add_option("--device", model.device.name,
                 "auto (what the artifact was compiled for), cpu, cuda or "
                 "emulated")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "cpu", "cuda", "emulated"}));
  CpuDevice::Options &cpu = model.device.cpu;
  app.add_option("--threads", cpu.threads,
                 "Threads of a cpu; 0 takes every CPU this process may use")
      ->check(CLI::Range(0u, CpuDevice::kMaxThreads));
  app.add_option("--cpu-level", cpu.level,
                 "Kernels of a cpu to use: x86-64-v3, x86-64-v4-bf16; default "
                 "the best there is");
  app.add_option("--weights", cpu.weights,
                 "On a cpu, copy them to memory on huge pages, or map the "
                 "file; auto copies for 0.4 s and maps the rest")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, WeightPlacement>{
                                      {"auto", WeightPlacement::Auto},
                                      {"copy", WeightPlacement::Copy},
                                      {"map", WeightPlacement::Map}})
              .description("auto, copy or map"));
  CudaDevice::Options &cuda = model.device.cuda;
  app.add_option("--gpu", cuda.gpu,
                 "Number of the GPU to use, of those that this process sees")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--driver", cuda.library,
                 "The CUDA driver to use instead of the system's, or of the "
                 "emulated one: a path, or a name to search for");
  app.add_option("--kv-tokens", model.kvTokens,
                 "Keys and values of so many tokens, of all sequences "
                 "together; default what was planned")
      ->check(CLI::PositiveNumber);
  app.add_flag("--check", model.check,
               "First read all weights and compare their hashes");
  app.add_flag(
      "--self-test", model.selfTest,
      "First run the artifact's golden prompts, and stop when logits differ");
}

static void addSampling(CLI::App &app, SamplingArguments &sampling) {
  app.add_option("--temperature", sampling.temperature,
                 "0 always takes the likeliest token")
      ->capture_default_str();
  app.add_option("--top-p", sampling.topP,
                 "Draw from the likeliest tokens that reach this probability")
      ->capture_default_str();
  app.add_option("--top-k", sampling.topK,
                 "Draw from this many of the likeliest tokens; 0: all")
      ->capture_default_str();
  app.add_option("--seed", sampling.seed, "The same seed gives the same text")
      ->capture_default_str();
}

static void addWording(CLI::App &app, ChatWording &wording) {
  app.add_option("--wording", wording,
                 "repository: as the checkpoint's own template; vllm: as "
                 "vLLM's, which calls the model MiniMax AI")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, ChatWording>{
                                      {"repository", ChatWording::Repository},
                                      {"vllm", ChatWording::Vllm}})
              .description("repository or vllm"));
}

static void addChat(CLI::App &app, ChatArguments &chat) {
  addModel(app, chat.model);
  app.add_option("--system", chat.system, "What the model is told beforehand");
  app.add_option("--tools", chat.toolsFile,
                 "JSON list of tools: name, description, parameters of each");
  app.add_option("--history", chat.historyFile,
                 "JSON list of messages (role, content) to go on from");
  app.add_option("--message", chat.messages,
                 "Say this instead of lines of stdin; may be given again")
      ->expected(1)
      ->take_all();
  addWording(app, chat.wording);
  addSampling(app, chat.sampling);
  app.add_option("--max-tokens", chat.maxTokens,
                 "Tokens of a reply at most; 0: as many as there is room for")
      ->capture_default_str();
  app.add_option("--prefill-chunk", chat.prefillChunk,
                 "Tokens of a message read in a step; 0: the plan's largest");
  app.add_flag("--hide-thinking", chat.hideThinking,
               "Do not show what stands between <think> and </think>");
  app.add_flag("--verbose", chat.verbose,
               "Rates and the context used, on stderr after each reply");
  app.add_flag("--json", chat.json,
               "Print one JSON object a reply instead of text");
}

static void addEvaluate(CLI::App &app, EvaluateArguments &evaluate) {
  addModel(app, evaluate.model);
  app.add_option("QUESTIONS", evaluate.questionsFile,
                 "JSON file of questions with known answers")
      ->required();
  app.add_option("--kind", evaluate.kind, "Only questions of this kind");
  app.add_option("--limit", evaluate.limit,
                 "Only the first of each kind and distance; 0: all")
      ->capture_default_str();
  app.add_option("--max-distance", evaluate.maxDistance,
                 "Only questions of at most this distance, in tokens");
  addWording(app, evaluate.wording);
  app.add_option("--max-tokens", evaluate.maxTokens,
                 "Tokens of a reply at most")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--prefill-chunk", evaluate.prefillChunk,
                 "Tokens of a question read in a step; 0: the plan's largest");
  app.add_option("--json", evaluate.jsonFile,
                 "Also write scores and wrong replies to this file");
  app.add_option("--svg", evaluate.svgFile,
                 "Also plot accuracy over distance into this file");
  app.add_option("--fail-below", evaluate.failBelow,
                 "Exit with 1 when less than this percentage is right")
      ->check(CLI::Range(0.0, 100.0));
}

int main(int argc, char **argv) {
  CLI::App app("mm1-run: run what mm1c compiled\n\n"
               "  mm1-run generate m1.mm1 --prompt \"Once upon a time\"\n"
               "  mm1-run chat m1.mm1\n"
               "  mm1-run bench m1.mm1 --threads 2\n"
               "  mm1-run describe m1.mm1\n\n"
               "Exit codes: 0 done, 1 the input is at fault, 2 wrong usage, 3 "
               "the machine is at fault, 4 our bug.");
  app.name("mm1-run");
  app.set_version_flag("--version",
                       std::string("mm1-run ") + std::string(versionString()));
  app.require_subcommand(1);

  GenerateArguments generate;
  CLI::App *generateApp = app.add_subcommand(
      "generate",
      "Continue a prompt; the text goes to stdout as it comes, figures to "
      "stderr\n\n"
      "  mm1-run generate m1.mm1 --prompt \"Once upon a time\" --max-tokens "
      "64\n"
      "  mm1-run generate m1.mm1 --prompt Hi --temperature 1 --top-p 0.95 "
      "--seed 7\n"
      "  echo '[1, 2, 3]' | mm1-run generate m1.mm1 --ids - --json");
  addModel(*generateApp, generate.model);
  auto *prompt =
      generateApp->add_option("--prompt", generate.prompt, "Text to continue");
  auto *ids =
      generateApp->add_option("--ids", generate.idsFile,
                              "JSON list of token ids to continue; - is stdin");
  prompt->excludes(ids);
  generateApp->add_flag(
      "--special", generate.special,
      "Special tokens spelled out in --prompt become those tokens");
  generateApp
      ->add_option("--max-tokens", generate.maxTokens,
                   "Tokens to generate at most")
      ->capture_default_str();
  addSampling(*generateApp, generate.sampling);
  generateApp->add_option("--stop-id", generate.stopIds,
                          "Stop at this token id, besides the model's own end");
  generateApp->add_flag("--ignore-eos", generate.ignoreEos,
                        "Do not stop at the model's own end");
  generateApp->add_option("--prefill-chunk", generate.prefillChunk,
                          "Prompt tokens a step; 0: the plan's largest");
  generateApp->add_flag("--json", generate.json,
                        "Print one JSON object at the end instead of text");

  ChatArguments chat;
  CLI::App *chatApp = app.add_subcommand(
      "chat",
      "Talk with a model; its replies go to stdout as they come. Lines are "
      "messages; /help lists commands\n\n"
      "  mm1-run chat m1.mm1 --system \"You are a helpful assistant.\"\n"
      "  mm1-run chat m1.mm1 --message \"What is 2 + 2?\" --hide-thinking\n"
      "  mm1-run chat m1.mm1 --tools tools.json --temperature 1 --top-p 0.95\n"
      "  mm1-run chat m1.mm1 --json < questions.txt");
  addChat(*chatApp, chat);

  EvaluateArguments evaluate;
  CLI::App *evaluateApp = app.add_subcommand(
      "evaluate",
      "Ask questions with known answers, greedily; print how many are right\n\n"
      "  mm1-run evaluate m1.mm1 questions.json\n"
      "  mm1-run evaluate m1.mm1 questions.json --limit 20 --max-distance 1024 "
      "--fail-below 95\n"
      "  mm1-run evaluate m1.mm1 questions.json --json scores.json --svg "
      "accuracy.svg");
  addEvaluate(*evaluateApp, evaluate);

  LogitsArguments logits;
  CLI::App *logitsApp = app.add_subcommand(
      "logits",
      "Write the logits of every position: safetensors, F32 'logits' [tokens, "
      "vocabulary]\n\n"
      "  mm1-run logits m1.mm1 --ids ids.json --output logits.safetensors\n"
      "  mm1-run logits m1.mm1 --ids ids.json --output l.safetensors "
      "--prefill-chunk 5 --decode-from 9");
  addModel(*logitsApp, logits.model);
  logitsApp
      ->add_option("--ids", logits.idsFile,
                   "JSON list of token ids; - is stdin")
      ->required();
  logitsApp->add_option("--output", logits.output, "File to write")->required();
  logitsApp->add_option("--prefill-chunk", logits.prefillChunk,
                        "Tokens a prefill step; 0: the plan's largest");
  logitsApp->add_option("--decode-from", logits.decodeFrom,
                        "Feed the ids from this number on one by one");

  BenchArguments bench;
  CLI::App *benchApp = app.add_subcommand(
      "bench", "Time prefill and decode beside what this machine can do, "
               "measured in the same run\n\n"
               "  mm1-run bench m1.mm1 --threads 2\n"
               "  mm1-run bench m1.mm1 --sequences 8 --context 4096 --json\n"
               "  mm1-run bench without-weights.mm1 --random-weights 1");
  addModel(*benchApp, bench.model);
  benchApp
      ->add_option("--prompt-tokens", bench.promptTokens,
                   "Tokens of the prompt; 0: no prefill")
      ->capture_default_str();
  benchApp
      ->add_option("--decode-tokens", bench.decodeTokens,
                   "Decode steps; 0: no decode")
      ->capture_default_str();
  benchApp
      ->add_option("--sequences", bench.sequences, "Sequences decoded at once")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  benchApp
      ->add_option("--context", bench.context,
                   "Tokens that each sequence has before decoding")
      ->capture_default_str();
  benchApp
      ->add_option("--repeats", bench.repeats,
                   "Times each part is run; the median counts")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  benchApp->add_option("--random-weights", bench.model.randomWeights,
                       "Time random weights of this seed, made on the device, "
                       "instead of the artifact's");
  benchApp->add_flag("--launches", bench.launches,
                     "Also where the time goes, by launch");
  benchApp->add_flag("--json", bench.json, "Print JSON instead of tables");

  DescribeArguments describe;
  CLI::App *describeApp = app.add_subcommand(
      "describe", "Say what an artifact is: model, target, limits, memory, "
                  "launches\n\n  mm1-run describe m1.mm1 --json");
  describeApp
      ->add_option("ARTIFACT", describe.artifact,
                   "The folder that mm1c compile wrote")
      ->required();
  describeApp->add_flag("--check", describe.check,
                        "Also read all weights and compare their hashes");
  describeApp->add_flag("--json", describe.json,
                        "Print JSON instead of tables");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0) // --help, --version
      return app.exit(error);
    std::fprintf(stderr, "mm1-run: error: %s; see mm1-run --help\n",
                 error.what());
    return kUsageExit;
  }

  Status status = *generateApp   ? generateCommand(generate)
                  : *chatApp     ? chatCommand(chat)
                  : *evaluateApp ? evaluateCommand(evaluate)
                  : *logitsApp   ? logitsCommand(logits)
                  : *benchApp    ? benchCommand(bench)
                                 : describeCommand(describe);
  if (status)
    return 0;
  std::fflush(stdout); // what was said before the error comes first
  std::fprintf(stderr, "mm1-run: error: %s\n", status.error().message.c_str());
  return status.error().exitCode();
}
