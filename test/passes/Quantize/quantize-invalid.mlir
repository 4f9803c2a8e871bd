// RUN: mm1-opt %s --mm1-quantize=scheme=int8-experts --split-input-file --verify-diagnostics
// RUN: not mm1-opt %s --mm1-quantize=scheme=int3 --split-input-file 2>&1 | FileCheck %s

// CHECK: error: unknown quantisation scheme 'int3'; known are none, int8-experts
func.func @weights_are_loaded(%x: tensor<?x64xbf16>, %ids: tensor<?x2xi32>,
                              %w: tensor<2x96x64xbf16>) {
  // expected-error @below {{'mm1.expert_linear' op expects its weights from 'mm1.load_weight'; quantize runs before fuse}}
  %y = mm1.expert_linear %x, %ids weights(%w)
      : (tensor<?x64xbf16>, tensor<?x2xi32>, tensor<2x96x64xbf16>) -> tensor<?x2x96xbf16>
  return
}

// -----

// expected-note @below {{declared here}}
mm1.weight @w : tensor<2x96x64xbf16> = #mm1.recipe<sources = [#mm1.source<"w" : tensor<2x96x64xbf16>>], steps = []>
func.func @read_by_others(%x: tensor<?x64xbf16>, %ids: tensor<?x2xi32>) -> tensor<2x96x64xbf16> {
  %w = mm1.load_weight @w : tensor<2x96x64xbf16>
  %y = mm1.expert_linear %x, %ids weights(%w)
      : (tensor<?x64xbf16>, tensor<?x2xi32>, tensor<2x96x64xbf16>) -> tensor<?x2x96xbf16>
  // expected-error @below {{'func.return' op reads @w, a weight of experts, and has no int8 form}}
  return %w : tensor<2x96x64xbf16>
}

// -----

// expected-error @below {{'mm1.weight' op needs the name @w.scale for its scales}}
mm1.weight @w : tensor<2x96x64xbf16> = #mm1.recipe<sources = [#mm1.source<"w" : tensor<2x96x64xbf16>>], steps = []>
// expected-note @below {{taken here}}
mm1.state recurrent @w.scale : tensor<?x2x8x8xf32>
func.func @name_is_taken(%x: tensor<?x64xbf16>, %ids: tensor<?x2xi32>) {
  %w = mm1.load_weight @w : tensor<2x96x64xbf16>
  %y = mm1.expert_linear %x, %ids weights(%w)
      : (tensor<?x64xbf16>, tensor<?x2xi32>, tensor<2x96x64xbf16>) -> tensor<?x2x96xbf16>
  return
}

// -----

// Tiles cannot be quantised: the layout comes last.
// expected-error @below {{'mm1.weight' op cannot be quantised: recipe step '#mm1.quantize<int8_rows>' follows one that fixed the layout; layout comes last}}
mm1.weight @w : tensor<2x96x64xbf16, #mm1.tiled<panel = 32, depth = 2>> = #mm1.recipe<
    sources = [#mm1.source<"w" : tensor<2x96x64xbf16>>], steps = [#mm1.tile<panel = 32, depth = 2>]>
func.func @after_tiles(%x: tensor<?x64xbf16>, %ids: tensor<?x2xi32>) {
  %w = mm1.load_weight @w : tensor<2x96x64xbf16, #mm1.tiled<panel = 32, depth = 2>>
  %y = mm1.expert_linear %x, %ids weights(%w)
      : (tensor<?x64xbf16>, tensor<?x2xi32>, tensor<2x96x64xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x2x96xbf16>
  return
}
