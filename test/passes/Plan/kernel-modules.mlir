// An emulated GPU's kernels are also built for the processor: each module has one beside it.
// RUN: mm1-opt %s --mm1-lower-to-plan="max-sequences=1 max-context=64 prefill-tokens=16 device=emulated:sm_80 page-image=gpu-1 selects-on-host=false" \
// RUN:   --mm1-verify-plan | FileCheck %s
//      CHECK: plan.kernel_module @kernels_0 cuda arch = "sm_80"
// CHECK-NEXT: plan.kernel_module @kernels_0_host cpu host_of = @kernels_0
//      CHECK: plan.kernel @begin_0 in @kernels_0 builtin begin (write "tokens" tensor<?xi32>) waits
//      CHECK: plan.kernel @embedding_0 in @kernels_0 waits
// No programmatic launches before compute capability 9.0:
//      CHECK: plan.launch @embedding_0
//  CHECK-NOT: early_start
func.func @decode_1(%t: tensor<?xi32> {mm1.name = "tokens"}) -> (tensor<?x32xf32> {mm1.name = "hidden"})
    attributes {mm1.entry = "decode", mm1.tokens = 1 : i64, mm1.sequences = 1 : i64} {
  %w = mm1.load_weight @w : tensor<8x32xf32>
  %x = mm1.cluster elementwise (%t, %w) schedule {tasks = 1 : i64, unit = "tokens", per = 1 : i64, warps = 4 : i64}
      : (tensor<?xi32>, tensor<8x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?xi32>, %b: tensor<8x32xf32>):
    %0 = mm1.embedding %a, %b : (tensor<?xi32>, tensor<8x32xf32>) -> tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
  return %x : tensor<?x32xf32>
}
mm1.weight @w : tensor<8x32xf32> = #mm1.recipe<sources = [#mm1.source<"w" : tensor<8x32xf32>>], steps = []>
