"""The networks, their losses and scores, and the one LightningModule that trains them."""
