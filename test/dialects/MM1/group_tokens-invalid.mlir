// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @order_like_ids_c1(%ids: tensor<?x2xi32>) {
  // expected-error @below {{'mm1.group_tokens' op expects order of type 'tensor<?x2xi32>' like 'ids', found 'tensor<?x3xi32>'}}
  %order, %offsets = mm1.group_tokens %ids : tensor<?x2xi32> -> tensor<?x3xi32>, tensor<5xi32>
  return
}

// -----

func.func @ids_rank_c1(%ids: tensor<?xi32>) {
  // expected-error @below {{expects 'ids' of rank 2, found 'tensor<?xi32>'}}
  %order, %offsets = mm1.group_tokens %ids : tensor<?xi32> -> tensor<?xi32>, tensor<5xi32>
  return
}

// -----

func.func @offsets_rank_c2(%ids: tensor<?x2xi32>) {
  // expected-error @below {{expects 'offsets' of rank 1, found 'tensor<5x1xi32>'}}
  %order, %offsets = mm1.group_tokens %ids : tensor<?x2xi32> -> tensor<?x2xi32>, tensor<5x1xi32>
  return
}

// -----

func.func @an_expert_c2(%ids: tensor<?x2xi32>) {
  // expected-error @below {{expects one offset per expert and one more, found 'tensor<1xi32>'}}
  %order, %offsets = mm1.group_tokens %ids : tensor<?x2xi32> -> tensor<?x2xi32>, tensor<1xi32>
  return
}

// -----

func.func @known_experts_c2(%ids: tensor<?x2xi32>) {
  // expected-error @below {{expects one offset per expert and one more, found 'tensor<?xi32>'}}
  %order, %offsets = mm1.group_tokens %ids : tensor<?x2xi32> -> tensor<?x2xi32>, tensor<?xi32>
  return
}
