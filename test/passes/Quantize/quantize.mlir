// RUN: mm1-opt %s --mm1-quantize=scheme=int8-experts --split-input-file | FileCheck %s
// RUN: mm1-opt %s --mm1-quantize --split-input-file | FileCheck %s --check-prefix=NONE

// Experts' weights get a step, scales beside them, and ops that read both.
// CHECK: module attributes {mm1.scheme = "int8-experts"}
// CHECK: mm1.weight @w1 : tensor<2x96x64xi8> = <sources = [#mm1.source<"0.w1" : tensor<96x64xbf16>>, #mm1.source<"1.w1" : tensor<96x64xbf16>>], steps = [#mm1.stack, #mm1.quantize<int8_rows>]>
// CHECK-NEXT: mm1.weight @w1.scale : tensor<2x96xf32> = <sources = [#mm1.source<"0.w1" : tensor<96x64xbf16>>, #mm1.source<"1.w1" : tensor<96x64xbf16>>], steps = [#mm1.stack, #mm1.quantize_scales<int8_rows>]>
// The shared expert, a linear, is left alone.
// CHECK-NEXT: mm1.weight @shared : tensor<96x64xbf16>
// CHECK-LABEL: func.func @decode
//  CHECK-NEXT:   %[[W:.*]] = mm1.load_weight @w1 : tensor<2x96x64xi8>
//  CHECK-NEXT:   %[[S:.*]] = mm1.load_weight @w1.scale : tensor<2x96xf32>
//  CHECK-NEXT:   mm1.expert_linear %{{.*}} weights(%[[W]]) scales(%[[S]]) : (tensor<?x64xbf16>, tensor<?x2xi32>, tensor<2x96x64xi8>, tensor<2x96xf32>) -> tensor<?x2x96xbf16>
//       CHECK:   mm1.linear %{{.*}} weights(%{{.*}}) : (tensor<?x64xbf16>, tensor<96x64xbf16>)
// Every function that reads the weight is rewritten; two loads of it bring two loads of the scales.
// CHECK-LABEL: func.func @prefill
// CHECK-COUNT-2: mm1.load_weight @w1.scale
//       CHECK:   mm1.expert_linear %{{.*}} weights(%{{.*}}, %{{.*}}) scales(%{{.*}}, %{{.*}}) :

// NONE: module attributes {mm1.scheme = "none"}
// NONE-LABEL: func.func @decode
// NONE: mm1.expert_linear %{{.*}} weights(%{{.*}}) :
mm1.weight @w1 : tensor<2x96x64xbf16> = #mm1.recipe<
    sources = [#mm1.source<"0.w1" : tensor<96x64xbf16>>, #mm1.source<"1.w1" : tensor<96x64xbf16>>], steps = [#mm1.stack]>
mm1.weight @shared : tensor<96x64xbf16> = #mm1.recipe<sources = [#mm1.source<"shared" : tensor<96x64xbf16>>], steps = []>
func.func @decode(%x: tensor<?x64xbf16>, %ids: tensor<?x2xi32>)
    -> (tensor<?x2x96xbf16>, tensor<?x96xbf16>) {
  %w = mm1.load_weight @w1 : tensor<2x96x64xbf16>
  %y = mm1.expert_linear %x, %ids weights(%w)
      : (tensor<?x64xbf16>, tensor<?x2xi32>, tensor<2x96x64xbf16>) -> tensor<?x2x96xbf16>
  %v = mm1.load_weight @shared : tensor<96x64xbf16>
  %z = mm1.linear %x weights(%v) : (tensor<?x64xbf16>, tensor<96x64xbf16>) -> tensor<?x96xbf16>
  return %y, %z : tensor<?x2x96xbf16>, tensor<?x96xbf16>
}
func.func @prefill(%x: tensor<?x64xbf16>, %ids: tensor<?x2xi32>)
    -> (tensor<?x2x96xbf16>, tensor<?x2x96xbf16>) {
  %w = mm1.load_weight @w1 : tensor<2x96x64xbf16>
  %v = mm1.load_weight @w1 : tensor<2x96x64xbf16>
  %y, %z = mm1.expert_linear %x, %ids weights(%w, %v)
      : (tensor<?x64xbf16>, tensor<?x2xi32>, tensor<2x96x64xbf16>, tensor<2x96x64xbf16>)
        -> (tensor<?x2x96xbf16>, tensor<?x2x96xbf16>)
  return %y, %z : tensor<?x2x96xbf16>, tensor<?x2x96xbf16>
}

// -----

// Integers are made of the checkpoint's own numbers: a cast at the end goes.
// CHECK: mm1.weight @w : tensor<2x32x64xi8>
// CHECK-SAME: steps = [#mm1.slice<axis = 1, offset = 32, size = 32>, #mm1.quantize<int8_rows>]
// CHECK: mm1.weight @w.scale : tensor<2x32xf32>
// CHECK-SAME: steps = [#mm1.slice<axis = 1, offset = 32, size = 32>, #mm1.quantize_scales<int8_rows>]
mm1.weight @w : tensor<2x32x64xbf16> = #mm1.recipe<
    sources = [#mm1.source<"gate_up" : tensor<2x64x64xf32>>],
    steps = [#mm1.slice<axis = 1, offset = 32, size = 32>, #mm1.cast<bf16>]>
func.func @cast_goes(%x: tensor<?x64xbf16>, %ids: tensor<?x2xi32>) -> tensor<?x2x32xbf16> {
  %w = mm1.load_weight @w : tensor<2x32x64xbf16>
  %y = mm1.expert_linear %x, %ids weights(%w)
      : (tensor<?x64xbf16>, tensor<?x2xi32>, tensor<2x32x64xbf16>) -> tensor<?x2x32xbf16>
  return %y : tensor<?x2x32xbf16>
}

// -----

// What came as int8 stays as it is.
// CHECK: mm1.weight @w : tensor<2x32x64xi8> = <sources = [#mm1.source<"w" : tensor<2x32x64xi8>>], steps = []>
// CHECK: mm1.expert_linear %{{.*}} scales(%{{.*}}) : (tensor<?x64xbf16>, tensor<?x2xi32>, tensor<2x32x64xi8>, tensor<2x32xf32>)
mm1.weight @w : tensor<2x32x64xi8> = #mm1.recipe<sources = [#mm1.source<"w" : tensor<2x32x64xi8>>], steps = []>
mm1.weight @s : tensor<2x32xf32> = #mm1.recipe<sources = [#mm1.source<"s" : tensor<2x32xf32>>], steps = []>
func.func @int8_already(%x: tensor<?x64xbf16>, %ids: tensor<?x2xi32>) -> tensor<?x2x32xbf16> {
  %w = mm1.load_weight @w : tensor<2x32x64xi8>
  %s = mm1.load_weight @s : tensor<2x32xf32>
  %y = mm1.expert_linear %x, %ids weights(%w) scales(%s)
      : (tensor<?x64xbf16>, tensor<?x2xi32>, tensor<2x32x64xi8>, tensor<2x32xf32>) -> tensor<?x2x32xbf16>
  return %y : tensor<?x2x32xbf16>
}
