// RUN: mm1-opt %s --mm1-verify-fused | FileCheck %s

// Loads and stores outside, the rest in clusters with schedules.
mm1.weight @w : tensor<64xf32, #mm1.padded<multiple = 32>> = #mm1.recipe<
    sources = [#mm1.source<"w" : tensor<64xf32>>], steps = [#mm1.pad<multiple = 32>]>
mm1.state recurrent @s : tensor<?x4x16x16xf32>
// CHECK-LABEL: func.func @decode
func.func @decode(%a: tensor<?x64xf32>, %b: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %s = mm1.load_state @s : tensor<?x4x16x16xf32>
  %w = mm1.load_weight @w : tensor<64xf32, #mm1.padded<multiple = 32>>
  %y:2 = mm1.cluster row_reduction (%a, %b, %w) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"}
      : (tensor<?x64xf32>, tensor<?x64xf32>, tensor<64xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  ^bb0(%x: tensor<?x64xf32>, %z: tensor<?x64xf32>, %v: tensor<64xf32, #mm1.padded<multiple = 32>>):
    %0 = mm1.residual %x, %z alpha = 1.0 beta = 1.0 : tensor<?x64xf32>
    %1 = mm1.rms_norm %0, %v eps = 1.0e-5 : (tensor<?x64xf32>, tensor<64xf32, #mm1.padded<multiple = 32>>) -> tensor<?x64xf32>
    %2 = mm1.silu %1 : tensor<?x64xf32>
    mm1.yield %0, %2 : tensor<?x64xf32>, tensor<?x64xf32>
  }
  mm1.store_state %s, @s : tensor<?x4x16x16xf32>
  return %y#0, %y#1 : tensor<?x64xf32>, tensor<?x64xf32>
}
