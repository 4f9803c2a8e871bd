//===- mm1c.cpp - The compiler's command line ---------------------------------===//
// mm1c compile CHECKPOINT --target cpu -o m1.mm1, and its relatives. This file only reads arguments and turns errors into
// exit codes; CLI11 throws, so it alone is built with exceptions.
//===--------------------------------------------------------------------------===//
#include "compiler/Reference/ReferenceCommand.h"
#include "compiler/tools/Commands.h"

#include <CLI/CLI.hpp>

#include <cstdio>

using namespace mm1;

namespace {

/// An option whose text is read by `parse` into `value`.
template <typename T>
CLI::Option *addParsed(CLI::App *app, const std::string &flags, T &value,
                       Expected<uint64_t> (*parse)(const std::string &),
                       const std::string &help, const std::string &shown) {
  return app
      ->add_option_function<std::string>(
          flags,
          [&value, parse](const std::string &text) {
            Expected<uint64_t> parsed = parse(text);
            if (!parsed)
              throw CLI::ValidationError(parsed.error().message);
            if (*parsed > uint64_t(INT64_MAX))
              throw CLI::ValidationError("'" + text + "' is too large");
            value = T(*parsed);
          },
          help)
      ->type_name("SIZE")
      ->default_str(shown);
}

int report(const Status &status) {
  if (status)
    return 0;
  std::fprintf(stderr, "mm1c: error: %s\n", status.error().message.c_str());
  return status.error().exitCode();
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app{"mm1c compiles hybrid MoE / lightning-attention language models "
               "ahead of time.\n\n"
               "  mm1c plan examples/minimax-m1 --gpus 8 --gpu h200 --quant "
               "int8-experts --context 1M\n"
               "  mm1c compile CHECKPOINT --target cpu --quant int8-experts -o "
               "model.mm1\n"
               "  mm1c compile examples/minimax-m1 --emit=fused\n"
               "  mm1c verify model.mm1 --checkpoint CHECKPOINT"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "mm1c " MM1_VERSION);
  app.footer("Exit codes: 0 done, 1 the input is at fault, 2 wrong usage, "
             "3 the machine is at fault (memory, disk, device), 4 our bug.");
  const auto quantNames = CLI::IsMember({"none", "int8-experts"});

  PlanArguments plan;
  CLI::App *planApp = app.add_subcommand(
      "plan", "Does it fit, how long a context, how fast at best: from "
              "config.json alone");
  planApp
      ->add_option("MODEL", plan.model,
                   "A folder with config.json, or the file")
      ->required();
  planApp->add_option("--gpus", plan.gpus, "GPUs that share the model")
      ->check(CLI::Range(int64_t(1), int64_t(4096)))
      ->capture_default_str();
  planApp->add_option("--gpu", plan.gpu,
                      "Whose memory and bandwidth: a100-40, a100-80, h100, "
                      "h200, h20, b200, rtx4090");
  planApp->add_option("--quant", plan.quant, "How weights are stored")
      ->check(quantNames)
      ->capture_default_str();
  addParsed(planApp, "--context", plan.context, parseCount,
            "Tokens of each sequence", "4096");
  addParsed(planApp, "--sequences", plan.sequences, parseCount,
            "Sequences at once", "1");
  addParsed(planApp, "--prefill-tokens", plan.prefillTokens, parseCount,
            "Tokens of one prefill step", "8192");
  addParsed(planApp, "--memory", plan.memoryBytes, parseBytes,
            "Memory of one GPU, instead of the named GPU's", "");
  planApp->add_flag("--json", plan.json, "Print JSON instead of a table");

  CompileArguments compile;
  CLI::App *compileApp = app.add_subcommand(
      "compile", "Turn a checkpoint into an artifact that mm1-run executes");
  compileApp->footer(
      "Examples:\n"
      "  mm1c compile CHECKPOINT -o model.mm1\n"
      "  mm1c compile CHECKPOINT --quant int8-experts --context 32K "
      "--sequences 16 -o model.mm1\n"
      "  mm1c compile examples/minimax-m1 --emit=mm1          (config.json "
      "alone is enough for the IR)\n"
      "  mm1c compile examples/minimax-m1 --target sm_90a --explain-fusion\n"
      "  mm1c compile CHECKPOINT --target sm_90a -o gpu.mm1\n"
      "  mm1c compile CHECKPOINT --target emulated:sm_90a -o checked.mm1\n"
      "  mm1c compile CHECKPOINT --emit=fused -o f.mlir       (edit it, then)\n"
      "  mm1c compile f.mlir --checkpoint CHECKPOINT -o edited.mm1\n"
      "  mm1c compile old.mm1 --checkpoint CHECKPOINT --quant int8-experts -o "
      "new.mm1");
  compileApp
      ->add_option("MODEL", compile.model,
                   "A checkpoint (a folder with config.json and safetensors), "
                   "a stage's text (a file .mlir, or - for stdin), or an "
                   "artifact")
      ->required();
  compileApp->add_option("--checkpoint", compile.checkpoint,
                         "The weights, where MODEL is a text or an artifact");
  compileApp->add_option(
      "-o,--output", compile.output,
      "The artifact to make, or the file for --emit (default: stdout)");
  compileApp
      ->add_option("--target", compile.target,
                   "What to generate code for: cpu, a GPU, or a GPU that an "
                   "emulated driver plays on any machine, for checking")
      ->check(CLI::IsMember(
          {"cpu", "sm_80", "sm_90a", "emulated:sm_80", "emulated:sm_90a"}))
      ->capture_default_str();
  compileApp
      ->add_option("--emit", compile.emit,
                   "Stop at a stage and print it: mm1, sharded, quantized, "
                   "fused, plan, llvm, asm, cuda, ptx; cubin: a file a module "
                   "into the folder -o")
      ->check(
          CLI::IsMember({"mm1", "sharded", "quantized", "fused", "plan", "llvm",
                         "asm", "cuda", "ptx", "cubin", "artifact"}))
      ->capture_default_str();
  compileApp->add_option("--quant", compile.quant, "How weights are stored")
      ->check(quantNames)
      ->capture_default_str();
  compileApp
      ->add_option("--compute", compile.compute,
                   "What activations are rounded to")
      ->check(CLI::IsMember({"bf16", "f32"}))
      ->capture_default_str();
  compileApp->add_option("--gpus", compile.gpus, "Ranks to shard over")
      ->check(CLI::Range(int64_t(1), int64_t(4096)))
      ->capture_default_str();
  addParsed(compileApp, "--sequences", compile.sequences, parseCount,
            "Sequences at once, at most", "8");
  addParsed(compileApp, "--context", compile.context, parseCount,
            "Tokens of one sequence, at most", "the model's, up to 32K");
  addParsed(compileApp, "--kv-tokens", compile.kvTokens, parseCount,
            "Tokens that all sequences together have keys and values for",
            "a context for each, but at most 1M or one context");
  addParsed(compileApp, "--prefill-tokens", compile.prefillTokens, parseCount,
            "Tokens of one prefill step, at most", "512");
  compileApp->add_option(
      "--decode-buckets", compile.decodeBuckets,
      "Numbers of sequences that decode is specialised for, rising: 1,4,8 "
      "(default: powers of two up to --sequences)");
  compileApp->add_option(
      "--prefill-buckets", compile.prefillBuckets,
      "Numbers of tokens that prefill is specialised for (default: 16, 64, "
      "256, ... up to --prefill-tokens)");
  addParsed(compileApp, "--memory", compile.memoryBytes, parseBytes,
            "Memory to pack weights with", "2GiB");
  compileApp
      ->add_option("--threads", compile.threads,
                   "Threads to pack weights with (0: all processors)")
      ->capture_default_str();
  compileApp->add_option(
      "--fuse", compile.fuse,
      "Fusions to leave out or to do in any case: -merge-linears,defer-norm");
  compileApp->add_flag("--explain-fusion", compile.explainFusion,
                       "Print what is fused and what not, and why, instead of "
                       "making anything");
  compileApp
      ->add_flag("--json", compile.json,
                 "With --explain-fusion, JSON instead of a table")
      ->needs("--explain-fusion");
  compileApp->add_option("--schedule", compile.schedule,
                         "Override schedules, e.g. matmul.panels=4");
  compileApp->add_option("--tuning-file", compile.tuningFile,
                         "Schedules from a JSON file");
  compileApp
      ->add_option("--golden-tokens", compile.goldenTokens,
                   "Length of the self-test prompts stored in the artifact")
      ->check(CLI::Range(int64_t(1), int64_t(4096)))
      ->capture_default_str();
  compileApp->add_option("--nvrtc", compile.nvrtc,
                         "NVIDIA's compiler for GPU kernels, libnvrtc.so.13 "
                         "(default: searched in toolkits and Python packages)");
  compileApp->add_option("--kernel-cache", compile.kernelCache,
                         "Folder that keeps built GPU kernels; '' keeps none "
                         "(default: the user's cache)");
  compileApp->add_option("--host-compiler", compile.hostCompiler,
                         "The C++ compiler for kernels of emulated targets");
  compileApp->add_flag("--instrument", compile.instrument,
                       "Kernels of emulated targets report each access, so "
                       "that races and reads of unwritten memory are found");
  compileApp->add_flag("--no-weights", compile.noWeights,
                       "Make everything but the weights: config.json is "
                       "enough, and mm1-run bench --random-weights can time "
                       "it");
  compileApp->add_flag("--force", compile.force,
                       "Replace an artifact that is already there");
  compileApp->add_flag("--quiet", compile.quiet, "No progress");

  ReferenceArguments reference;
  CLI::App *referenceApp = app.add_subcommand(
      "reference", "Logits of a checkpoint in double precision: what the "
                   "compiled model is measured against");
  referenceApp
      ->add_option("CHECKPOINT", reference.checkpoint,
                   "A folder with config.json and safetensors")
      ->required();
  referenceApp->add_option("--ids", reference.ids, "A JSON list of token ids")
      ->required();
  referenceApp
      ->add_option("--output", reference.output,
                   "The safetensors file to write: logits [T, V], F64")
      ->required();
  referenceApp
      ->add_option("--quant", reference.quant, "Quantise as the compiler would")
      ->check(quantNames)
      ->capture_default_str();

  InspectArguments inspect;
  CLI::App *inspectApp =
      app.add_subcommand("inspect", "What is in an artifact");
  inspectApp->footer("Examples:\n"
                     "  mm1c inspect model.mm1 --kernels\n"
                     "  mm1c inspect model.mm1 --kernels --json");
  inspectApp->add_option("ARTIFACT", inspect.artifact, "What mm1c compile made")
      ->required();
  inspectApp
      ->add_flag("--kernels", inspect.kernels,
                 "A GPU's kernels: registers of a thread, shared memory of a "
                 "block, bytes of spilled registers")
      ->required();
  inspectApp->add_flag("--json", inspect.json, "Print JSON instead of a table");

  VerifyArguments verify;
  CLI::App *verifyApp = app.add_subcommand(
      "verify",
      "Compare an artifact with the reference evaluator on its own prompts");
  verifyApp->add_option("ARTIFACT", verify.artifact, "What mm1c compile made")
      ->required();
  verifyApp->add_option("--checkpoint", verify.checkpoint,
                        "Compute the reference from this checkpoint, instead "
                        "of the logits stored in the artifact");
  verifyApp
      ->add_option("--threads", verify.threads,
                   "Threads to run with (0: all processors)")
      ->capture_default_str();
  verifyApp->add_flag("--json", verify.json, "Print JSON instead of a verdict");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ErrorKind::Usage);
  }
  if (*planApp)
    return report(planCommand(plan));
  if (*compileApp) {
    if ((compile.emit == "cuda" || compile.emit == "ptx" ||
         compile.emit == "cubin") &&
        compileApp->count("--target") == 0)
      compile.target = "sm_90a";
    for (const CLI::Option *option : compileApp->get_options())
      if (option->count() > 0 && !option->get_lnames().empty())
        compile.given.push_back(option->get_lnames().front());
    return report(compileCommand(compile));
  }
  if (*referenceApp)
    return report(referenceCommand(reference));
  if (*inspectApp)
    return report(inspectCommand(inspect));
  return report(verifyCommand(verify));
}
