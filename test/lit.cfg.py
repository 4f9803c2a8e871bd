# The IR tests: every .mlir file (and .test file) under test/ with a RUN line. Tools come from this build's bin folder,
# FileCheck, not and split-file from LLVM's. Run with `ninja check-mm1`, or one file with
#   python3 /usr/lib/llvm-22/bin/lit -v build/test --filter form-clusters
import os

import lit.formats

config.name = "mm1"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["data", "Inputs"]
config.test_source_root = os.path.join(config.mm1_source_dir, "test")
config.test_exec_root = os.path.join(config.mm1_binary_dir, "test")

tools = os.path.join(config.mm1_binary_dir, "bin")
config.environment["PATH"] = os.pathsep.join([tools, config.llvm_tools_dir, config.environment.get("PATH", "")])
# In a sanitizer build, libMLIR's own allocations share slabs with ours, and look poisoned to ASan.
config.environment["ASAN_OPTIONS"] = "allow_user_poisoning=0"
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
config.substitutions.append(("%data", os.path.join(config.test_source_root, "data")))
config.substitutions.append(("%examples", os.path.join(config.mm1_source_dir, "examples")))
if os.path.exists(os.path.join(tools, "mm1c")):
    config.available_features.add("mm1c")
