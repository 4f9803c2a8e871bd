// RUN: mm1-opt %s --mm1-verify-sharded --split-input-file --verify-diagnostics

// expected-error @below {{has no 'mm1.ranks' after the shard phase (mm1-shard sets it)}}
module {}

// -----

// expected-error @below {{expects 'mm1.ranks' of at least 1, found 0}}
module attributes {mm1.ranks = 0 : i64} {}

// -----

module attributes {mm1.ranks = 8 : i64} {
  func.func @some_of_them(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
    // expected-error @below {{'mm1.all_reduce' op expects to be over the module's 8 ranks ('mm1.ranks'), found 4}}
    %y = mm1.all_reduce %x ranks = 4 : tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
}

// -----

module attributes {mm1.ranks = 1 : i64} {
  func.func @left_over(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
    // expected-error @below {{is a collective over 1 ranks in a module for one rank; canonicalize removes those over one}}
    %y = mm1.all_gather %x ranks = 1 : tensor<?x64xf32> -> tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
}

// -----

module attributes {mm1.ranks = 1 : i64} {
  func.func @more(%x: tensor<?x64xf32>) -> tensor<?x128xf32> {
    // expected-error @below {{is a collective over 2 ranks in a module for one rank}}
    %y = mm1.all_gather %x ranks = 2 : tensor<?x64xf32> -> tensor<?x128xf32>
    return %y : tensor<?x128xf32>
  }
}
