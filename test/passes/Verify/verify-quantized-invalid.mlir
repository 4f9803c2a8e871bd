// RUN: mm1-opt %s --mm1-verify-quantized --split-input-file --verify-diagnostics

// expected-error @below {{has no 'mm1.scheme' after the quantize phase (mm1-quantize sets it)}}
module {}

// -----

module attributes {mm1.scheme = "int8-experts"} {
  func.func @experts_left_out(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %w: tensor<2x96x64xf32>) {
    // expected-error @below {{expects int8 weights under scheme 'int8-experts', found 'tensor<2x96x64xf32>'}}
    %y = mm1.expert_linear %x, %ids weights(%w)
        : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<2x96x64xf32>) -> tensor<?x2x96xf32>
    return
  }
}

// -----

module attributes {mm1.scheme = "none"} {
  func.func @nothing_asked_for(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %w: tensor<2x96x64xi8>,
                               %s: tensor<2x96xf32>) {
    // expected-error @below {{expects float weights under scheme 'none', found 'tensor<2x96x64xi8>'}}
    %y = mm1.expert_linear %x, %ids weights(%w) scales(%s)
        : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<2x96x64xi8>, tensor<2x96xf32>) -> tensor<?x2x96xf32>
    return
  }
}

// -----

module attributes {mm1.scheme = "int8-experts"} {
  func.func @only_experts(%x: tensor<?x64xf32>, %w: tensor<96x64xi8>, %s: tensor<96xf32>) {
    // expected-error @below {{'mm1.linear' op reads an int8 weight (operand 1), which scheme 'int8-experts' does not make for it}}
    %y = mm1.linear %x weights(%w) scales(%s) : (tensor<?x64xf32>, tensor<96x64xi8>, tensor<96xf32>) -> tensor<?x96xf32>
    return
  }
}

// -----

module attributes {mm1.scheme = "int8-experts"} {
  func.func @weights_are_loaded(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %w: tensor<2x96x64xi8>,
                                %s: tensor<2x96xf32>) {
    // expected-error @below {{expects weights and scales from 'mm1.load_weight'}}
    %y = mm1.expert_linear %x, %ids weights(%w) scales(%s)
        : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<2x96x64xi8>, tensor<2x96xf32>) -> tensor<?x2x96xf32>
    return
  }
}

// -----

// Scales of another tensor.
module attributes {mm1.scheme = "int8-experts"} {
  // expected-note @below {{integers: #mm1.recipe<sources = [#mm1.source<"w"}}
  mm1.weight @w : tensor<2x96x64xi8> = #mm1.recipe<
      sources = [#mm1.source<"w" : tensor<2x96x64xf32>>], steps = [#mm1.quantize<int8_rows>]>
  // expected-note @below {{scales: #mm1.recipe<sources = [#mm1.source<"v"}}
  mm1.weight @v.scale : tensor<2x96xf32> = #mm1.recipe<
      sources = [#mm1.source<"v" : tensor<2x96x64xf32>>], steps = [#mm1.quantize_scales<int8_rows>]>
  func.func @scales_of_another(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>) {
    %w = mm1.load_weight @w : tensor<2x96x64xi8>
    %s = mm1.load_weight @v.scale : tensor<2x96xf32>
    // expected-error @below {{multiplies @w with the scales @v.scale, which another recipe makes}}
    %y = mm1.expert_linear %x, %ids weights(%w) scales(%s)
        : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<2x96x64xi8>, tensor<2x96xf32>) -> tensor<?x2x96xf32>
    return
  }
}

// -----

// Scales that are a plain tensor.
module attributes {mm1.scheme = "int8-experts"} {
  // expected-note @below {{integers: }}
  mm1.weight @w : tensor<2x96x64xi8> = #mm1.recipe<
      sources = [#mm1.source<"w" : tensor<2x96x64xf32>>], steps = [#mm1.quantize<int8_rows>]>
  // expected-note @below {{scales: }}
  mm1.weight @s : tensor<2x96xf32> = #mm1.recipe<sources = [#mm1.source<"w" : tensor<2x96xf32>>], steps = []>
  func.func @plain_scales(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>) {
    %w = mm1.load_weight @w : tensor<2x96x64xi8>
    %s = mm1.load_weight @s : tensor<2x96xf32>
    // expected-error @below {{multiplies @w with the scales @s, which another recipe makes}}
    %y = mm1.expert_linear %x, %ids weights(%w) scales(%s)
        : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<2x96x64xi8>, tensor<2x96xf32>) -> tensor<?x2x96xf32>
    return
  }
}
