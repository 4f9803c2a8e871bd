// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @declared_c1() -> tensor<64xf32> {
  // expected-error @below {{'mm1.load_weight' op expects @it to name an 'mm1.weight'}}
  %0 = mm1.load_weight @it : tensor<64xf32>
  return %0 : tensor<64xf32>
}

// -----

func.func private @it()
func.func @of_that_kind_c1() -> tensor<64xf32> {
  // expected-error @below {{expects @it to name an 'mm1.weight'}}
  %0 = mm1.load_weight @it : tensor<64xf32>
  return %0 : tensor<64xf32>
}

// -----

// expected-note @below {{@it declared here}}
mm1.weight @it : tensor<64xf32> = #mm1.recipe<sources = [#mm1.source<"it" : tensor<64xf32>>], steps = []>
func.func @type_c2() -> tensor<32xf32> {
  // expected-error @below {{has type 'tensor<32xf32>', but @it is 'tensor<64xf32>'}}
  %0 = mm1.load_weight @it : tensor<32xf32>
  return %0 : tensor<32xf32>
}
