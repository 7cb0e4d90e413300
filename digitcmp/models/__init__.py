"""The networks, their losses and scores, and the LightningModule that trains them."""
