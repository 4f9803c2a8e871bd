// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @declared_c1(%s: tensor<?x4x16x16xf32>) {
  // expected-error @below {{'mm1.store_state' op expects @it to name an 'mm1.state'}}
  mm1.store_state %s, @it : tensor<?x4x16x16xf32>
  return
}

// -----

// expected-note @below {{@it declared here}}
mm1.state recurrent @it : tensor<?x4x16x16xf32>
func.func @type_c2(%s: tensor<?x4x8x8xf32>) {
  // expected-error @below {{has type 'tensor<?x4x8x8xf32>', but @it is 'tensor<?x4x16x16xf32>'}}
  mm1.store_state %s, @it : tensor<?x4x8x8xf32>
  return
}
