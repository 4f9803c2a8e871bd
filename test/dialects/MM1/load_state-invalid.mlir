// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @declared_c1() -> tensor<?x4x16x16xf32> {
  // expected-error @below {{'mm1.load_state' op expects @it to name an 'mm1.state'}}
  %0 = mm1.load_state @it : tensor<?x4x16x16xf32>
  return %0 : tensor<?x4x16x16xf32>
}

// -----

func.func private @it()
func.func @of_that_kind_c1() -> tensor<?x4x16x16xf32> {
  // expected-error @below {{expects @it to name an 'mm1.state'}}
  %0 = mm1.load_state @it : tensor<?x4x16x16xf32>
  return %0 : tensor<?x4x16x16xf32>
}

// -----

// expected-note @below {{@it declared here}}
mm1.state recurrent @it : tensor<?x4x16x16xf32>
func.func @type_c2() -> tensor<?x4x8x8xf32> {
  // expected-error @below {{has type 'tensor<?x4x8x8xf32>', but @it is 'tensor<?x4x16x16xf32>'}}
  %0 = mm1.load_state @it : tensor<?x4x8x8xf32>
  return %0 : tensor<?x4x8x8xf32>
}
