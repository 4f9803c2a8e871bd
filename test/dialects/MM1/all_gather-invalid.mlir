// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @width_c1(%x: tensor<?x64xf32>) {
  // expected-error @below {{'mm1.all_gather' op of 8 ranks makes 'tensor<?x512xf32>', but the result is 'tensor<?x256xf32>'}}
  %y = mm1.all_gather %x ranks = 8 : tensor<?x64xf32> -> tensor<?x256xf32>
  return
}

// -----

func.func @element_type_c1(%x: tensor<?x64xf32>) {
  // expected-error @below {{of 8 ranks makes 'tensor<?x512xf32>', but the result is 'tensor<?x512xbf16>'}}
  %y = mm1.all_gather %x ranks = 8 : tensor<?x64xf32> -> tensor<?x512xbf16>
  return
}

// -----

func.func @known_width_c1(%x: tensor<?x?xf32>) {
  // expected-error @below {{expects a last dimension of known size, found 'tensor<?x?xf32>'}}
  %y = mm1.all_gather %x ranks = 8 : tensor<?x?xf32> -> tensor<?x?xf32>
  return
}

// -----

func.func @ranks_c2(%x: tensor<?x64xf32>) {
  // expected-error @below {{expects at least one rank, found 0}}
  %y = mm1.all_gather %x ranks = 0 : tensor<?x64xf32> -> tensor<?x64xf32>
  return
}
