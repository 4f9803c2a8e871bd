//===- CudaKernels.h - The kernels of a plan on a GPU ---------------------===//
// Each module of a plan has a cubin for each architecture it was compiled for.
// One architecture is chosen for all of them; then every kernel is found, and
// compared with what the plan gives it before anything runs:
//
//   artifact: sm_80, sm_90a; GPU: compute capability 9.0   ->  sm_90a
//   matmul_3: the plan gives 4 addresses and the sizes; the cubin's kernel
//             takes five parameters of 8 bytes             ->  fine
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Artifact/Artifact.h"
#include "runtime/Device/CudaContext.h"

#include <string>
#include <string_view>
#include <vector>

namespace mm1 {

/// What `begin` and `publish` take behind the sizes of the step.
inline constexpr size_t kBeginExtras = 2, kPublishExtras = 3;

/// Of the architectures that `plan` has kernels for, the best that runs on
/// compute capability `major`.`minor`, or empty. A plain one ("sm_80") runs on
/// its own and later minors of the major; one that ends in `a` only on its own.
std::string bestArchitecture(const Plan &plan, int major, int minor);
/// All of them, "sm_80, sm_90a".
std::string architecturesOf(const Plan &plan);

class CudaKernels {
public:
  /// Loads the cubins of `architecture` and checks all kernels. Input error: a
  /// cubin is damaged, lacks a kernel, or does not fit the plan; machine error:
  /// the driver takes none of its age or architecture.
  Status load(CudaContext &gpu, const Artifact &artifact,
              const std::string &architecture);

  /// Of plan.kernels[kernel]; null for a cpu's.
  cuda::Function function(size_t kernel) const { return functions[kernel]; }

private:
  struct Needs;
  Status loadModule(CudaContext &gpu, const Artifact &artifact,
                    const Plan::Variant &variant);
  Status check(CudaContext &gpu, const Plan::Kernel &kernel,
               const std::string &path, cuda::Kernel handle,
               const Needs &needs) const;

  std::vector<CudaOwned<cuda::Library>> libraries; ///< of modules that have one
  std::vector<cuda::Function> functions;
};

/// Tells an emulated driver which host module each cubin of the plan stands
/// for; nothing for a real one, and for a plan without. Input error when one is
/// of another text.
Status addHostModules(const CudaDriver &driver, const Artifact &artifact);

} // namespace mm1
